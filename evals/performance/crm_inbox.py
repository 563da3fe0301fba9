"""The inbox of 50,000 conversations: the first and the tenth page of each list, and searches, in both stores.

Each time is one page of 50 as the API makes it: conversations, names of contacts, unread counts. Aim: p50 at
most 50 ms. The reference: as many bare rows by primary key. SQLite always; PostgreSQL where
AGENTFLOW_BENCH_POSTGRES names an empty database.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Table, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow import bootstrap
from agentflow.kit.db import Base, Database
from agentflow.kit.ids import new_id
from agentflow.kit.pagination import position_in_time
from agentflow.kit.settings import Settings
from channels import service as channels
from channels.schemas import ChannelAccountCreate
from crm.contacts.labels import service as labels
from crm.contacts.labels.schemas import LabelCreate
from crm.inbox import Conversation
from crm.inbox import service as inbox
from crm.inbox.schemas import ConversationFilter, ConversationStatus, OwnerKind
from crm.inbox.search import service as searching
from crm.inbox.search.schemas import ConversationSearch
from crm.inbox.words import indexing
from crm.inbox.words.text import hash_of, words_of
from crm.teams import service as teams
from evals.performance.measuring import quantile, table

CONVERSATIONS = 50_000
SEED = 20260302
ROUNDS = 15
PAGE = 50
BATCH = 5_000
START = datetime(2026, 3, 2, tzinfo=UTC)
OPEN, PENDING, CLOSED = ConversationStatus
STEMS, ENDS = ("par", "ret", "lam", "ship", "pay", "col"), ("cel", "urn", "ment", "our")
WORDS = [f"{stem}{end}" for stem in STEMS for end in ENDS]
# Common words, rare ones, and parts of names, of e-mail addresses and of phone numbers.
SEARCHES = (
    "parcel",
    "parcel payment",
    "name-41234",
    "41234",
    "urname 4123",
    "mailbox4123",
    "4123@firm.example",
    "200041234",
    "firm12",
    "nothingofthekind",
)
LANGUAGES = ("en", "nl", "de", "pt", "sv")


def main() -> None:
    """Print a table for each store."""
    asyncio.run(_measure())


async def _measure() -> None:
    with TemporaryDirectory(prefix="agentflow-bench-") as home:
        await _measure_in("SQLite", Settings.model_validate({"home": Path(home)}))
        url = os.environ.get("AGENTFLOW_BENCH_POSTGRES")
        if url:
            settings = Settings.model_validate({"home": Path(home), "database_url": url})
            await _measure_in("PostgreSQL", settings)


async def _measure_in(store: str, settings: Settings) -> None:
    async with bootstrap.open_database(settings) as db:
        db.jobs = bootstrap.NoJobs()
        ground = await _fill(db)
        rows = [("", "p50 ms", "p95 ms", "rows")]
        for name, page in _pages(ground).items():
            times, found = await _time(db, page)
            p50, p95 = (f"{1000 * quantile(times, share):.1f}" for share in (0.5, 0.95))
            rows.append((name, p50, p95, str(found)))
        table(f"{store}: one page of {PAGE} of {CONVERSATIONS:,} conversations", rows)


class Ground:
    """What the pages are asked of."""

    def __init__(self, workspace_id: str, staff: list[str], team: str, account: str, label: str) -> None:
        self.workspace_id, self.staff, self.team = workspace_id, staff, team
        self.account, self.label = account, label


Page = Callable[[AsyncSession], Awaitable[int]]


def _pages(ground: Ground) -> dict[str, Page]:
    busy, idle = ground.staff[0], ground.staff[1]
    lists = {
        "all": ConversationFilter(),
        "open": ConversationFilter(status=(OPEN,)),
        "open or pending": ConversationFilter(status=(OPEN, PENDING)),
        "closed": ConversationFilter(status=(CLOSED,)),
        "unassigned, open": ConversationFilter(owner=OwnerKind.NOBODY, status=(OPEN,)),
        "mine": ConversationFilter(owner=OwnerKind.STAFF, staff_id=busy),
        "mine, open": ConversationFilter(owner=OwnerKind.STAFF, staff_id=busy, status=(OPEN,)),
        "a team's": ConversationFilter(team_id=ground.team),
        "a rare language": ConversationFilter(language="sv"),
        "a common language, open": ConversationFilter(language="en", status=(OPEN,)),
        "a channel": ConversationFilter(channel="livechat"),
        "an unknown channel": ConversationFilter(channel="fax"),
        "a label": ConversationFilter(label_id=ground.label),
        "unread by one who reads": ConversationFilter(unread_by=busy),
        "unread by one who never reads": ConversationFilter(unread_by=idle),
    }
    pages: dict[str, Page] = {"reference: 50 bare rows": _bare(ground)}
    pages |= {name: _list(ground, wanted) for name, wanted in lists.items()}
    pages["page 10 of open"] = _list(ground, lists["open"], skip=9)
    for query in SEARCHES:
        pages[f"search: {query}"] = _search(ground, query)
    return pages


def _bare(ground: Ground) -> Page:
    async def page(session: AsyncSession) -> int:
        found = await session.execute(select(Conversation.id, Conversation.status).limit(PAGE))
        return len(found.all())

    return page


def _list(ground: Ground, wanted: ConversationFilter, *, skip: int = 0) -> Page:
    after = None
    if skip:
        after = position_in_time(START - timedelta(seconds=30 * PAGE * skip), "")

    async def page(session: AsyncSession) -> int:
        found = await inbox.list_conversations(
            session, ground.workspace_id, wanted, after=after, limit=PAGE + 1
        )
        shown = await inbox.read_conversations(
            session, ground.workspace_id, found[:PAGE], staff_id=ground.staff[0]
        )
        return len(shown)

    return page


def _search(ground: Ground, query: str) -> Page:
    async def page(session: AsyncSession) -> int:
        wanted = ConversationSearch(query=query, limit=PAGE)
        found = await searching.search(session, ground.workspace_id, wanted, staff_id=ground.staff[0])
        return len(found.items)

    return page


async def _time(db: Database, page: Page) -> tuple[list[float], int]:
    times, found = [], 0
    for round_ in range(ROUNDS + 2):
        began = time.perf_counter()
        async with db.read() as session:
            found = await page(session)
        if round_ >= 2:
            times.append(time.perf_counter() - began)
    return times, found


async def _fill(db: Database) -> Ground:
    async with db.transaction() as session:
        workspace = await teams.create_workspace(session, name="Bench", time_zone="UTC", locale="en")
        data = ChannelAccountCreate(name="Site", allowed_origins=[])
        account = await channels.create_account(session, workspace.id, data)
        staff = [
            (
                await teams.create_staff_member(
                    session, workspace.id, email=f"{name}@bench.example", name=name, password_hash="none"
                )
            ).id
            for name in ("busy", "idle", "other")
        ]
        label = await labels.create_label(session, workspace.id, LabelCreate(name="hotlead"))
        team = await teams.get_team(session, workspace.id, None)
        key, secret = indexing.current_key(session), session.info["word_keys"][0]
    ground = Ground(workspace.id, staff, team.id, account.id, label.id)
    dice = random.Random(SEED)
    for first in range(0, CONVERSATIONS, BATCH):
        batch = [_one(ground, dice, number, key, secret) for number in range(first, first + BATCH)]
        await _insert(db, batch)
    async with db.engine.begin() as connection:
        await connection.execute(text("ANALYZE"))
    return ground


async def _insert(db: Database, batch: Sequence[dict[str, list[dict[str, Any]]]]) -> None:
    async with db.transaction() as session:
        for name in batch[0]:
            rows = [row for one in batch for row in one[name]]
            if rows:
                found: Table = Base.metadata.tables[name]
                await session.execute(insert(found), rows)


def _one(ground: Ground, dice: random.Random, number: int, key: str, secret: bytes) -> dict[str, Any]:
    """The rows of one conversation, by table."""
    at = START - timedelta(seconds=30 * number)
    here, contact = new_id("cnv"), new_id("con")
    owner = dice.choices(("agent", "staff", "nobody"), (6, 3, 1))[0]
    said = f"{' '.join(dice.sample(WORDS, 5))} {number}"
    read = dice.random() < 0.9
    common = {"workspace_id": ground.workspace_id}
    words = sorted({hash_of(secret, ground.workspace_id, word) for word in words_of(said)})
    conversation = {
        "id": here,
        "contact_id": contact,
        "account_id": ground.account,
        "channel": "livechat",
        "contact_ref": f"vis_{number}",
        "language": dice.choices(LANGUAGES, (60, 25, 10, 4.9, 0.1))[0],
        "owner_kind": owner,
        "agent_id": "agt_bench",
        "staff_id": dice.choice(ground.staff) if owner == "staff" else None,
        "team_id": ground.team if owner == "nobody" else None,
        "last_seq": 1,
        "last_inbound_seq": 1,
        "last_inbound_at": at,
        "status": dice.choices(tuple(ConversationStatus), (2, 1, 7))[0].value,
        "preview": said,
        "preview_author": "contact",
        "search_key": key,
        "created_at": at,
        "last_message_at": at,
        **common,
    }
    message = {
        "id": new_id("msg"),
        "conversation_id": here,
        "account_id": ground.account,
        "seq": 1,
        "author": "contact",
        "text": said,
        "status": "sent",
        "created_at": at,
        **common,
    }
    labelled = dice.random() < 0.01
    return {
        "contacts": [{**_who(number, at), "id": contact, **common}],
        "contact_addresses": _addresses(number, {**common, "contact_id": contact}),
        "conversations": [conversation],
        "messages": [message],
        "read_positions": [{"staff_id": ground.staff[0], "conversation_id": here, "seq": 1, **common}] * read,
        "contact_labels": [{"contact_id": contact, "label_id": ground.label}] * labelled,
        "conversation_words": [{"word": word, "conversation_id": here, "seq": 1, **common} for word in words],
    }


def _who(number: int, at: datetime) -> dict[str, Any]:
    """The contact of a conversation."""
    return {
        "name": f"Name-{number} Surname",
        "source": "widget",
        "sort_name": f"name-{number} surname",
        "company": f"Firm{number % 997}",
        "company_key": f"firm{number % 997}",
        "contacted_at": at,
        "created_at": at,
        "updated_at": at,
    }


def _addresses(number: int, common: dict[str, Any]) -> list[dict[str, Any]]:
    """An e-mail address and a phone number."""
    keys = {"email": f"mailbox{number}@firm.example", "phone": f"+3120{number:07}"}
    return [
        {**common, "id": new_id("adr"), "kind": kind, "place": place, "value": key, "key": key}
        for place, (kind, key) in enumerate(keys.items())
    ]


if __name__ == "__main__":
    main()
