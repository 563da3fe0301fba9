"""What happened with a contact in the last six months."""
