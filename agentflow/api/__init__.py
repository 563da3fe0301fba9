"""The HTTP door: one file per resource."""
