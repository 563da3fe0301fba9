"""What staff write to each other in a conversation; it leaves by no way out."""
