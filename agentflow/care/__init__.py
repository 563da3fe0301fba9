"""What an operator owes to the data: back-ups that were restored, erasure, portability."""
