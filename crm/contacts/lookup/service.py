"""Ids of contacts as a part of others' queries."""

from __future__ import annotations

from crm.contacts.lookup.repository import having_label, having_word

__all__ = ["having_label", "having_word"]
