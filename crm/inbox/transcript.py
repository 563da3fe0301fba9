"""What was said in a conversation as CSV, read in pages while it is sent. Internal notes are not among it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from agentflow.kit.db import Database
from crm.contacts.cells import BOM, csv_lines
from crm.contacts.lookup import service as lookup
from crm.inbox import repository
from crm.inbox.models import Message
from crm.inbox.service import get_conversation
from crm.teams import directory

_PAGE = 200
_HEADERS = ("Number", "Time", "From", "Name", "Text", "Status")


async def messages_csv(db: Database, workspace_id: str, conversation_id: str) -> AsyncIterator[str]:
    """Who said what and when, from the first message to the last. Raises ConversationNotFound."""
    async with db.read() as session:
        contact_id = (await get_conversation(session, workspace_id, conversation_id)).contact_id
        names = dict(await lookup.names_of(session, workspace_id, [contact_id]))
        names |= await directory.staff_names(session, workspace_id)

    async def lines() -> AsyncIterator[str]:
        yield BOM + csv_lines([_HEADERS])
        after = 0
        while True:
            async with db.read() as session:
                found = await repository.list_messages(
                    session, workspace_id, conversation_id, after=after, limit=_PAGE
                )
            if not found:
                return
            yield csv_lines(_cells(message, contact_id, names) for message in found)
            after = found[-1].seq

    return lines()


def _cells(message: Message, contact_id: str, names: Mapping[str, str | None]) -> list[str]:
    who = contact_id if message.author == "contact" else message.staff_id
    return [
        str(message.seq),
        message.created_at.isoformat(),
        message.author,
        names.get(who or "") or "",
        message.text,
        message.status,
    ]
