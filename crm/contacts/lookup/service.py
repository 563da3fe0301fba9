"""Contacts as a part of others' queries, and what they are called."""

from __future__ import annotations

from crm.contacts.lookup.repository import has_word, having_label, having_word, names_of

__all__ = ["has_word", "having_label", "having_word", "names_of"]
