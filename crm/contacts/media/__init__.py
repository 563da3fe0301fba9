"""Files of a contact: pictures, invoices, contracts."""
