"""How long things are kept with a contact: what every hour and every day is erased in the background."""

from __future__ import annotations

from agentflow.kit.db import Database
from crm.contacts.activity import service as activity
from crm.contacts.media import service as media
from crm.contacts.media.service import Files
from crm.contacts.merging import service as merging
from crm.contacts.notes import service as notes
from crm.contacts.objects import service as objects
from crm.contacts.reminders import service as reminders


async def purge(db: Database, files: Files) -> None:
    """Erase what was in the bin for 30 days, and what the log shows no more."""
    await activity.sweep(db)
    await notes.purge(db)
    await reminders.purge(db)
    await objects.purge(db)
    await merging.purge(db)
    await media.purge(db, files)


async def sweep_orphans(db: Database, files: Files) -> None:
    """Remove bytes that no row stands for."""
    await media.sweep_orphans(db, files)
