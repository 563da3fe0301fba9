"""The people we talk to, and their addresses on each channel."""

from crm.contacts.models import Contact

__all__ = ["Contact"]
