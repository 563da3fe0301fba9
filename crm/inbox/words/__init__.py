"""Which words stand in which conversation, as keyed hashes, since what was said is stored encrypted."""
