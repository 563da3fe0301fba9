"""Business-free ground: database, errors, events, jobs, egress, files. Imports nothing of ours."""
