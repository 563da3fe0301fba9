"""All that is known of a contact on one page."""
