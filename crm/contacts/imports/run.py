"""The jobs of imports: the dry run, and the commit, which takes one batch over in one transaction.

A batch is marked done in the transaction that writes its contacts, so a worker that dies leaves whole
batches behind, and the next one goes on with the first that is not done: no row is taken over twice.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import Database, now
from agentflow.kit.errors import AppError
from crm.contacts.imports import mapping as mappings
from crm.contacts.imports import people, repository, service
from crm.contacts.imports.models import ContactImport, ContactImportBatch
from crm.contacts.imports.planning import Person, Planner, RowResult
from crm.contacts.imports.rows import Entry, RowReader, RowRefused
from crm.contacts.imports.schemas import DryRun, ImportState, ReasonCount, RowOutcome, RowSeen
from crm.contacts.imports.schemas import Mapping as ImportMapping
from crm.contacts.imports.summing import added, counts, reasons
from crm.contacts.properties import service as properties
from crm.contacts.writing import Cause
from crm.teams import directory

_PAUSE_SECONDS = 0.02  # between batches: others write too
_FIRST = 5  # rows of each outcome that a dry run shows
_REASONS = TypeAdapter(list[ReasonCount])
Row = tuple[int, dict[int, str]]
Read = Entry | RowResult


@dataclass
class _Work:
    """What an import needs to go through its rows."""

    id: str
    workspace_id: str
    created_by: str
    reader: RowReader
    mapping: ImportMapping
    created: set[str] = field(default_factory=set)
    updated: set[str] = field(default_factory=set)
    met: set[str] = field(default_factory=set)

    @property
    def touched(self) -> set[str]:
        return self.created | self.updated | self.met


async def check(db: Database, import_id: str, revision: int) -> None:
    """The dry run. Safe to repeat; one that is done or was replaced is left alone."""
    async with db.read() as session:
        found = await repository.find_import_of_job(session, import_id)
        if found is None or found.state != ImportState.CHECKING or found.revision != revision:
            return
        work = await _prepare(session, found)
    planner = Planner(duplicates=work.mapping.duplicates, existing=work.mapping.existing)
    summary, parts = DryRun(region=work.reader.region), list[list[ReasonCount]]()
    number = 0
    while True:
        async with db.read() as session:
            batch = await repository.find_batch(session, import_id, number)
            if batch is None:
                break
        rows = _rows(batch)
        read = await asyncio.to_thread(_read, work.reader, rows)
        keys, ids = planner.unknown([one for one in read if isinstance(one, Entry)])
        async with db.read() as session:
            planner.know(await people.find(session, work.workspace_id, keys, ids))
        results = [result for result, _ in _planned(planner, read)]
        parts.append(reasons(results))
        _count(summary, results)
        summary.first_rows += _first_rows(summary, work, rows, results)
        number += 1
        if not await _note_checked(db, import_id, revision, summary.rows):
            return
    summary.reasons = added(parts)
    summary.contacts_updated = sum(one.changed and one.id is not None for one in planner.people)
    async with db.transaction() as session:
        found = await repository.find_import_of_job(session, import_id, lock=True)
        if found is not None and found.state == ImportState.CHECKING and found.revision == revision:
            found.dry_run = summary.model_dump_json()
            found.state = ImportState.CHECKED


async def _note_checked(db: Database, import_id: str, revision: int, done: int) -> bool:
    async with db.transaction() as session:
        found = await repository.find_import_of_job(session, import_id, lock=True)
        if found is None or found.state != ImportState.CHECKING or found.revision != revision:
            return False
        found.checked_rows = done
        return True


def _count(summary: DryRun, results: Sequence[RowResult]) -> None:
    summary.rows += len(results)
    for name, count in counts(results).items():
        setattr(summary, name, getattr(summary, name) + count)


def _first_rows(
    summary: DryRun, work: _Work, rows: Sequence[Row], results: Sequence[RowResult]
) -> list[RowSeen]:
    shown = {outcome: sum(one.outcome is outcome for one in summary.first_rows) for outcome in RowOutcome}
    found = []
    for (_, cells), one in zip(rows, results, strict=True):
        if shown[one.outcome] < _FIRST:
            shown[one.outcome] += 1
            texts = [cells.get(column, "")[:80] for column in work.reader.columns]
            found.append(
                RowSeen(row=one.number, outcome=one.outcome, code=one.code, detail=one.detail, cells=texts)
            )
    return found


async def commit(db: Database, import_id: str) -> None:
    """Take the rows over, batch by batch. Safe to repeat: it goes on where the last run was cut off."""
    async with db.read() as session:
        found = await repository.find_import_of_job(session, import_id)
        if found is None or found.state != ImportState.COMMITTING:
            return
        work = await _prepare(session, found)
        for _, part in await repository.contacts_of_batches(session, import_id):
            _remember(work, json.loads(part))
    try:
        while await _commit_next(db, work):  # noqa: ASYNC110 - it waits for nothing, it lets others in
            await asyncio.sleep(_PAUSE_SECONDS)
    except AppError as refusal:  # such as: the workspace may have no more labels
        await _fail(db, import_id, refusal.code, refusal.detail)


async def give_up(db: Database, import_id: str, revision: int | None = None) -> None:
    """A job failed again and again: say so."""
    await _fail(db, import_id, "import_failed", "Something went wrong on our side; it was logged.")


async def _fail(db: Database, import_id: str, code: str, detail: str) -> None:
    async with db.transaction() as session:
        found = await repository.find_import_of_job(session, import_id, lock=True)
        if found is not None and found.state in (ImportState.CHECKING, ImportState.COMMITTING):
            found.state = ImportState.FAILED
            found.problem_code, found.problem_detail = code, detail
            found.finished_at = now(session)


async def _commit_next(db: Database, work: _Work) -> bool:
    """Take the next batch over; False when there is none."""
    async with db.read() as session:
        waiting = await repository.next_batch(session, work.id)
    rows = _rows(waiting) if waiting is not None else []
    read = await asyncio.to_thread(_read, work.reader, rows)
    async with db.transaction() as session:
        found = await repository.find_import_of_job(session, work.id, lock=True)
        if found is None or found.state != ImportState.COMMITTING:
            return False
        batch = await repository.next_batch(session, work.id)
        if waiting is None or batch is None:
            found.state = ImportState.DONE
            found.finished_at = now(session)
            return False
        if batch.number != waiting.number:
            return True  # another worker was quicker
        noted = await _take_over(session, work, batch, rows, read)
    _remember(work, noted)
    return True


async def _take_over(
    session: AsyncSession, work: _Work, batch: ContactImportBatch, rows: Sequence[Row], read: Sequence[Read]
) -> dict[str, list[str]]:
    """Write the contacts of a batch and what became of its rows; returns the ids by what was done."""
    planner = Planner(
        duplicates=work.mapping.duplicates, existing=work.mapping.existing, touched=work.touched
    )
    await repository.lock_contacts(session, work.workspace_id)
    keys, ids = planner.unknown([one for one in read if isinstance(one, Entry)])
    planner.know(await people.find(session, work.workspace_id, keys, ids))
    planned = _planned(planner, read)
    new = {person for person in planner.people if person.id is None}
    cause = Cause(work.created_by, import_id=work.id)
    refused = dict(await people.write(session, work.workspace_id, planner.people, cause=cause))
    results = [
        replace(result, outcome=RowOutcome.FAILED, code=refused[person].code, detail=refused[person].detail)
        if person in refused
        else result
        for result, person in planned
    ]
    written = [one for one in planner.people if one.changed and one not in refused and one.id is not None]
    noted = {
        "created": [str(one.id) for one in written if one in new],
        "updated": [str(one.id) for one in written if one not in new],
        "met": [str(one.id) for one in planner.people if one.row and one.id and not one.changed],
    }
    for name, count in counts(results).items():
        setattr(batch, name, count)
    batch.contacts_updated = len(set(noted["updated"]) - work.created - work.updated)
    batch.contacts = json.dumps(noted)
    batch.reasons = _REASONS.dump_json(reasons(results)).decode()
    batch.refused = _refused(rows, results)
    batch.rows = None
    batch.done_at = now(session)
    return noted


def _remember(work: _Work, noted: Mapping[str, Iterable[str]]) -> None:
    work.created |= set(noted["created"])
    work.updated |= set(noted["updated"])
    work.met |= set(noted["met"])


def _refused(rows: Sequence[Row], results: Sequence[RowResult]) -> str | None:
    found = [
        [one.number, one.outcome, one.code, one.detail, list(cells.items())]
        for (_, cells), one in zip(rows, results, strict=True)
        if one.outcome in (RowOutcome.FAILED, RowOutcome.SKIPPED)
    ]
    return json.dumps(found) if found else None


async def _prepare(session: AsyncSession, found: ContactImport) -> _Work:
    workspace_id = found.workspace_id
    mapping = service.mapping_of(found)
    columns = {column.column: column for column in service.columns_of(found)}
    known = await properties.definitions(session, workspace_id)
    targets, coming = mappings.resolved(mapping, mappings.new_properties(mapping, columns, known))
    order, decimal = await service.habits(session, workspace_id)
    reader = RowReader(
        targets=targets,
        columns=columns,
        properties=known | coming,
        owners=await directory.staff_by_address(session, workspace_id),
        region=mapping.region or await directory.country_of(session, workspace_id),
        order=order,
        decimal=decimal,
    )
    return _Work(found.id, workspace_id, found.created_by, reader, mapping)


def _rows(batch: ContactImportBatch) -> list[Row]:
    return [(number, dict(cells)) for number, cells in json.loads(batch.rows or "[]")]


def _read(reader: RowReader, rows: Sequence[Row]) -> list[Read]:
    headers = {column: seen.header for column, seen in reader.columns.items() if seen.header}
    read: list[Read] = []
    for number, cells in rows:
        if {column: " ".join(text.split()) for column, text in cells.items()} == headers:
            again = "It is the header once more."
            read.append(RowResult(number, RowOutcome.SKIPPED, "header_again", again))
            continue
        try:
            read.append(reader.read(number, cells))
        except RowRefused as bad:
            read.append(RowResult(number, RowOutcome.FAILED, bad.code, bad.detail))
    return read


def _planned(planner: Planner, read: Sequence[Read]) -> list[tuple[RowResult, Person | None]]:
    return [planner.take(one) if isinstance(one, Entry) else (one, None) for one in read]
