"""The mail to a workspace's people when a source can no longer be kept up with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import Database
from agentflow.kit.mail import Mail, Mailer
from knowledge import repository
from knowledge.models import KnowledgeBase, Source
from knowledge.service import get_knowledge_base

# Takes a workspace; gives the addresses of those who look after it.
Addresses = Callable[[AsyncSession, str], Awaitable[list[str]]]


@dataclass(frozen=True)
class NoticeDeps:
    """What telling people needs; built in bootstrap."""

    db: Database
    mailer: Mailer
    addresses: Addresses


async def tell_of_failure(deps: NoticeDeps, source_id: str) -> None:
    """Write to the workspace that a source's update failed, unless it was put right meanwhile.

    Raises MailFailed.
    """
    async with deps.db.read() as session:
        found = await repository.find_source_of_job(session, source_id)
        if found is None or found[0].deleted_at is not None or found[0].sync_error_code is None:
            return
        source = found[0]
        base = await get_knowledge_base(session, source.workspace_id, source.knowledge_base_id)
        to = await deps.addresses(session, source.workspace_id)
    if to:
        await deps.mailer.send(_mail(tuple(to), source, base, deps.db.settings.public_url))


def _mail(to: tuple[str, ...], source: Source, base: KnowledgeBase, public_url: str) -> Mail:
    next_time = (
        "It is tried again by itself; this mail comes once, however often it fails."
        if source.sync_every_seconds
        else "It is not tried again by itself: press “Sync now” when it is put right."
    )
    text = (
        f"“{source.name}” in the knowledge base “{base.name}” could not be updated.\n\n"
        f"The reason: {source.sync_error_detail}\n"
        f"It is fetched from: {source.location}\n\n"
        "The version from before keeps answering until an update succeeds, so answers may be out of date.\n"
        f"{next_time}\n\n{public_url}/admin#knowledge\n"
    )
    return Mail(to, f"A source could not be updated: {source.name}", text)
