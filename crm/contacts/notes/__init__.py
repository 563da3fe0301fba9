"""What staff write down about a contact, for each other."""
