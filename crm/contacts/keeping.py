"""How long things are kept with a contact: what every hour and every day is erased in the background."""

from __future__ import annotations

from agentflow.kit.bin import erase_expired
from agentflow.kit.db import Database
from crm.contacts.activity import service as activity
from crm.contacts.media import service as media
from crm.contacts.media.service import Files
from crm.contacts.merging import service as merging
from crm.contacts.models import (
    ContactLabel,
    ContactList,
    ContactListMember,
    ContactProperty,
    ContactValue,
    ContactView,
    Label,
)
from crm.contacts.notes.models import ContactNote
from crm.contacts.objects.models import ObjectDefinition, ObjectRecord
from crm.contacts.reminders.models import ContactReminder


async def purge(db: Database, files: Files) -> None:
    """Erase what was in the bin for 30 days, and what the log shows no more."""
    await activity.sweep(db)
    for table in (ContactNote, ContactReminder, ContactView, ObjectRecord, ObjectDefinition):
        await erase_expired(db, table)
    await erase_expired(db, Label, ContactLabel.label_id)
    await erase_expired(db, ContactList, ContactListMember.list_id)
    await erase_expired(db, ContactProperty, ContactValue.property_id)
    await merging.purge(db)
    await media.purge(db, files)


async def sweep_orphans(db: Database, files: Files) -> None:
    """Remove bytes that no row stands for."""
    await media.sweep_orphans(db, files)
