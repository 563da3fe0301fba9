"""The people we talk to, and their addresses on each channel."""
