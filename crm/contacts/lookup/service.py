"""Contacts as a part of others' queries, and what they are called."""

from __future__ import annotations

from crm.contacts.lookup.repository import having_label, having_word, names_of

__all__ = ["having_label", "having_word", "names_of"]
