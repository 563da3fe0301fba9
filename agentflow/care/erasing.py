"""Erase one person: every row, file and hash of theirs, and then look whether anything is left.

What is looked for (addresses, names, texts) is kept, encrypted, only until the erasure is done. The ledger,
files of ids under `erasures/`, outlives the database: a back-up that is restored is erased from again. It
names each back-up too, so that a restore knows whether this is the ledger of where the back-up was made.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.care import exporting, repository
from agentflow.care.models import Erasure
from agentflow.care.repository import IDS_ONLY, SCANNED, SHARED, Person
from agentflow.care.schemas import BackupRead, ErasureRead, StoreRead
from agentflow.kit.db import Base, Database, now
from agentflow.kit.errors import NotFound
from agentflow.kit.events import publish
from agentflow.kit.files import Files
from agentflow.kit.ids import new_id
from agentflow.kit.jobs import enqueue
from crm.contacts import service as people
from crm.contacts.imports.forgetting import without
from crm.contacts.usage import service as usage

LEDGER = "erasures"
PREFIX = "ers"  # of ids
JOBS = "job inputs"
FILES = "files"
_SHORTEST_ADDRESS = 6
_SHORTEST_NAME = 5
_EMPTIED_AT_ONCE = 20  # contacts: each may have many messages
_PHONE_END = 8  # digits that tell one phone of a file from another
_SHORTEST_TEXT = 20  # "hello" is said by everybody
_NAMES = {"name", "first_name", "last_name"}
_TEXTS = {"text", "question"}


@dataclass
class Needles:
    """What is looked for: `sure` names nobody else, `alike` (names, texts) may be others' as well."""

    sure: set[str] = field(default_factory=set)
    alike: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)  # of records that are gone
    files: set[str] = field(default_factory=set)  # keys

    def dump(self) -> str:
        """As JSON."""
        return json.dumps({name: sorted(value) for name, value in vars(self).items()}, ensure_ascii=False)


async def request(
    session: AsyncSession, workspace_id: str, contact_id: str, *, requested_by: str
) -> ErasureRead:
    """Begin to erase a contact, also one in the bin. Raises NotFound."""
    who = await repository.find_person(session, workspace_id, [contact_id])
    if who is None:
        raise NotFound("There is no such contact.", code="contact_not_found")
    ids = [contact_id, *(one for one in who.contacts if one != contact_id)]
    erasure = _new(session, workspace_id, ids, requested_by)
    session.add(erasure)
    await session.flush()
    await enqueue(session, "erase", erasure.id, job_id=f"erase:{erasure.id}", partition=workspace_id)
    return await read(session, erasure)


def _new(session: AsyncSession, workspace_id: str, contact_ids: list[str], requested_by: str) -> Erasure:
    return Erasure(
        id=new_id(PREFIX),
        workspace_id=workspace_id,
        contact_ids=json.dumps(contact_ids),
        state="queued",
        requested_by=requested_by,
        created_at=now(session),
    )


async def get(session: AsyncSession, workspace_id: str, erasure_id: str) -> ErasureRead:
    """One erasure with its report. Raises NotFound."""
    erasure = await repository.find_erasure(session, workspace_id, erasure_id)
    if erasure is None:
        raise NotFound("There is no such erasure.", code="erasure_not_found")
    return await read(session, erasure)


async def list_erasures(
    session: AsyncSession, workspace_id: str, *, before: str | None, limit: int
) -> list[ErasureRead]:
    """One page, newest first."""
    found = await repository.list_erasures(session, workspace_id, before=before, limit=limit)
    return [await read(session, erasure) for erasure in found]


async def read(session: AsyncSession, erasure: Erasure) -> ErasureRead:
    """An erasure as an admin sees it, with the back-ups that still hold the person."""
    stores = [StoreRead.model_validate(one) for one in json.loads(erasure.report or "[]")]
    backups = await repository.list_backups(session, at=now(session))
    return ErasureRead(
        id=erasure.id,
        contact_id=json.loads(erasure.contact_ids)[0],
        state=erasure.state,  # type: ignore[arg-type]
        erased=sum(one.erased for one in stores),
        left=sum(one.left for one in stores),
        stores=stores,
        backups=[
            BackupRead(file=one.file, created_at=one.created_at, expires_at=one.expires_at)
            for one in backups
            if one.created_at <= (erasure.done_at or erasure.created_at)
        ],
        created_at=erasure.created_at,
        done_at=erasure.done_at,
    )


async def erase(db: Database, files: Files, erasure_id: str) -> None:
    """The job. Safe to repeat: what is looked for is written down before anything is erased."""
    async with db.read() as session:
        erasure = await repository.find_erasure_of_job(session, erasure_id)
    if erasure is None or erasure.state == "done":
        return
    ids: list[str] = json.loads(erasure.contact_ids)
    entry = {"id": erasure.id, "workspace_id": erasure.workspace_id, "contact_ids": ids}
    await files.put(f"{LEDGER}/{erasure.id}", json.dumps(entry).encode())
    needles = await _collect(db, erasure, ids)
    counts = Counter({one["store"]: one["erased"] for one in json.loads(erasure.report or "[]")})
    async with db.transaction() as session:
        who = await repository.find_person(session, erasure.workspace_id, ids)
        if who is not None:
            counts += await _erase_rows(session, who)
            await _note(session, erasure_id, counts)
    counts += await _erase_mentions(db, erasure.workspace_id, needles)
    counts += await _take_out(db, erasure.workspace_id, needles)
    counts["exports"] += await exporting.forget(db, files, erasure.workspace_id)
    for key in sorted(needles.files):
        counts[FILES] += await files.delete(key)
    report = await _prove(db, files, erasure.workspace_id, needles, counts)
    async with db.transaction() as session:
        done = await repository.find_erasure_of_job(session, erasure_id)
        if done is None:
            return
        done.state, done.needles, done.done_at = "done", None, now(session)
        done.report = json.dumps([one.model_dump() for one in report])
        told = {"erasure_id": erasure_id, "left": sum(one.left for one in report)}
        publish(session, done.workspace_id, stream=erasure_id, kind="contact_erased", payload=told)


async def _note(session: AsyncSession, erasure_id: str, counts: Counter[str]) -> None:
    """What is gone so far, for the run that comes after a crash."""
    erasure = await repository.find_erasure_of_job(session, erasure_id)
    if erasure is not None:
        so_far = [StoreRead(store=name, searched=0, erased=n, left=0, alike=0) for name, n in counts.items()]
        erasure.report = json.dumps([one.model_dump() for one in so_far])


async def give_up(db: Database, erasure_id: str) -> None:
    """The job failed too often."""
    async with db.transaction() as session:
        erasure = await repository.find_erasure_of_job(session, erasure_id)
        if erasure is not None and erasure.state != "done":
            erasure.state = "failed"


async def repeat(db: Database, files: Files) -> int:
    """Erase again whom the ledger names and a restored back-up brought back. Returns how many came back."""
    again = 0
    for key in await files.keys(LEDGER):
        if not key.startswith(f"{LEDGER}/{PREFIX}_"):  # one says which back-up was made
            continue
        entry = json.loads(await files.get(key))
        async with db.transaction() as session:
            who = await repository.find_person(session, entry["workspace_id"], entry["contact_ids"])
            if who is None:
                continue
            erasure = _new(session, entry["workspace_id"], entry["contact_ids"], "restore")
            session.add(erasure)
        await erase(db, files, erasure.id)
        again += 1
    return again


async def empty_bin(db: Database, files: Files) -> None:
    """Delete whom staff put into the bin more than 30 days ago, with all rows and files of theirs.

    Nothing is looked for elsewhere and nothing reported: whoever asks to be forgotten is erased.
    """
    while True:
        async with db.transaction() as session:
            expired = await people.lock_expired(session, limit=_EMPTIED_AT_ONCE)
            keys: list[str] = []
            for workspace_id in {of for of, _ in expired}:
                ids = [contact_id for of, contact_id in expired if of == workspace_id]
                who = await repository.find_person(session, workspace_id, ids)
                if who is not None:
                    rows = await repository.rows_of_person(session, "contact_files", who)
                    keys += [str(row["file_key"]) for row in rows]
                    await _erase_rows(session, who)
        for key in keys:  # those that a run leaves behind have no row: the sweep of orphans takes them
            await files.delete(key)
        if len(expired) < _EMPTIED_AT_ONCE:
            return


async def _collect(db: Database, erasure: Erasure, ids: list[str]) -> Needles:
    """What to look for: read from what is there, or written down by a run that did not end."""
    if erasure.needles is not None:
        return Needles(**{name: set(value) for name, value in json.loads(erasure.needles).items()})
    async with db.transaction() as session:
        who = await repository.find_person(session, erasure.workspace_id, ids)
        needles = Needles(ids=set(ids))
        if who is not None:
            needles.ids |= {*who.contacts, *who.conversations}
            for name in repository.tables_of_people():
                for row in await repository.rows_of_person(session, name, who):
                    _take(needles, name, row)
        kept = await repository.find_erasure_of_job(session, erasure.id)
        if kept is not None:
            kept.needles = needles.dump()
    return needles


def _take(needles: Needles, table: str, row: dict[str, Any]) -> None:
    for column, value in row.items():
        if not isinstance(value, str):
            continue
        said = value.strip().casefold()
        if column == "file_key":
            needles.files.add(value)
        elif column in {"ref", "contact_ref"} or (table == "contact_addresses" and column == "value"):
            if len(said) >= _SHORTEST_ADDRESS:
                needles.sure.add(said)
        elif table == "contacts" and column in _NAMES:
            if len(said) >= _SHORTEST_NAME:
                needles.alike.add(said)
        elif column in _TEXTS and len(said) >= _SHORTEST_TEXT:
            needles.alike.add(said)


async def _erase_rows(session: AsyncSession, who: Person) -> Counter[str]:
    counts: Counter[str] = Counter()
    records = await repository.records_only_of(session, who)
    gaps = await repository.gaps_of(session, who)
    await usage.keep_count(session, who.workspace_id, who.contacts)
    for name in repository.tables_of_people():
        counts[name] += await repository.erase_rows(session, name, who)
    counts["object_records"] += await repository.erase_records(session, records)
    counts["knowledge_gaps"] += await repository.erase_gaps(session, gaps)
    return counts


async def _erase_mentions(db: Database, workspace_id: str, needles: Needles) -> Counter[str]:
    """Rows that only name the person: events for all staff, stored answers, reports, errors of jobs."""
    counts: Counter[str] = Counter()
    wanted = [*_forms(needles.sure), *_forms(needles.alike), *needles.ids]
    for name in SCANNED:
        async for rows in repository.pages(db, name, workspace_id):
            found = [row for row in rows if _holds(row.values(), wanted)]
            if found:
                async with db.transaction() as session:
                    for row in found:
                        await repository.erase_by_key(session, name, row)
                counts[name] += len(found)
    return counts


async def _take_out(db: Database, workspace_id: str, needles: Needles) -> Counter[str]:
    """Rows that hold many people: imports of which rows are kept."""
    counts: Counter[str] = Counter()
    holds = _names(needles.sure)
    for name in SHARED:
        async for rows in repository.pages(db, name, workspace_id):
            for row in rows:
                if not without(row, holds):
                    continue
                async with db.transaction() as session:
                    fresh = await repository.lock_by_key(session, name, row)
                    changes = without(fresh, holds) if fresh is not None else {}
                    if changes:
                        await repository.change_by_key(session, name, row, changes)
                        counts[name] += 1
    return counts


def _names(sure: set[str]) -> Callable[[str], bool]:
    """True for a text with an address of theirs; phone numbers also as they are written in their country."""
    ends = {_digits(one)[-_PHONE_END:] for one in sure if one.startswith("+")}

    def holds(text: str) -> bool:
        said, digits = text.casefold(), _digits(text)
        return any(one in said for one in sure) or (
            len(digits) >= _PHONE_END and digits[-_PHONE_END:] in ends
        )

    return holds


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isdecimal())


async def _prove(
    db: Database, files: Files, workspace_id: str, needles: Needles, erased: Counter[str]
) -> list[StoreRead]:
    """Search every text of every table, every file and every job, after decrypting."""
    sure, alike = list(_forms(needles.sure)), list(_forms(needles.alike))
    keys = set(await files.keys())
    ours: set[str] = set()
    report = []
    for name in sorted(Base.metadata.tables):
        found = StoreRead(store=name, searched=0, erased=erased[name], left=0, alike=0)
        async for rows in repository.pages(db, name, workspace_id):
            ours |= {
                value for row in rows for value in row.values() if isinstance(value, str) and value in keys
            }
            if name in IDS_ONLY:
                rows = [{key: value for key, value in row.items() if key != "needles"} for row in rows]
            await asyncio.to_thread(_count, found, (row.values() for row in rows), sure, alike)
        report.append(found)
    stored = StoreRead(store=FILES, searched=0, erased=erased[FILES], left=0, alike=0)
    for key in sorted(ours):
        content = (await files.get(key)).decode("utf-8", "ignore")
        await asyncio.to_thread(_count, stored, [[content]], sure, alike)
    stored.left += len(keys & needles.files)
    jobs = StoreRead(store=JOBS, searched=0, erased=0, left=0, alike=0)
    texts = await repository.texts_of_jobs(db)
    await asyncio.to_thread(_count, jobs, ([one] for one in texts), sure, alike)
    return [*report, stored, jobs]


def _count(found: StoreRead, rows: Iterable[Iterable[Any]], sure: list[str], alike: list[str]) -> None:
    for row in rows:
        values = list(row)
        found.searched += 1
        if _holds(values, sure):
            found.left += 1
        elif _holds(values, alike):
            found.alike += 1


def _holds(values: Iterable[Any], wanted: list[str]) -> bool:
    texts = [value.casefold() for value in values if isinstance(value, str)]
    return any(needle in one for one in texts for needle in wanted)


def _forms(needles: Iterable[str]) -> Iterator[str]:
    """As it is, and as it stands inside JSON."""
    for needle in needles:
        yield from {needle, json.dumps(needle, ensure_ascii=False)[1:-1], json.dumps(needle)[1:-1].casefold()}
