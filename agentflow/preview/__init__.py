"""What a new file would change: past questions answered with the old and with the new one."""
