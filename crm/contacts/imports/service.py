"""Imports as an admin leads them: upload, map, dry run, commit, look up, discard. `run.py` does the work."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path, PurePath
from typing import Literal

from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import BIN_DAYS, TooLateToRestore, bin_since
from agentflow.kit.db import Database, now
from agentflow.kit.ids import new_id
from agentflow.kit.jobs import enqueue
from crm.contacts.cells import BOM, csv_lines
from crm.contacts.imports import mapping as mappings
from crm.contacts.imports import repository
from crm.contacts.imports.columns import check_header, seen, suggest
from crm.contacts.imports.errors import ImportNotFound, NoRows, UnknownSheet, WrongState
from crm.contacts.imports.models import ContactImport, ContactImportBatch
from crm.contacts.imports.schemas import (
    ColumnSeen,
    DateOrder,
    DryRun,
    ImportDetail,
    ImportProblem,
    ImportRead,
    ImportState,
    ImportUndone,
    Mapping,
    Progress,
    ReasonCount,
    RowOutcome,
    Summary,
)
from crm.contacts.imports.summing import added
from crm.contacts.properties import service as properties
from crm.teams import directory
from crm.teams import service as teams
from crm.teams.errors import MissingScope
from crm.teams.schemas import Scope
from crm.teams.service import Principal
from knowledge.errors import UnsupportedType
from knowledge.limits import READABLE, check_bytes
from knowledge.reading import Grid, GridSheet, ReaderPool

BATCH = 500
KEPT = timedelta(days=30)  # refused rows
FORGOTTEN = timedelta(days=7)  # uploads that nobody commits
TYPES = tuple(name for name, kind in READABLE.items() if kind in ("csv", "excel", "calamine", "ods"))
OPEN = (ImportState.MAPPING, ImportState.CHECKED)
_COLUMNS = TypeAdapter(list[ColumnSeen])
_REASONS = TypeAdapter(list[ReasonCount])
_MONTH_FIRST = frozenset({"US", "PH", "PW", "FM", "MH"})
_COMMA = "nl de fr es it pt da sv nb fi pl cs tr ru el hu ro id"  # languages that write 1,5


async def upload(
    db: Database, pool: ReaderPool, who: Principal, *, filename: str, content: bytes, sheet: str | None = None
) -> ImportDetail:
    """Read a table file and keep its rows; answers with the columns seen and a mapping to start from.

    Raises UnsupportedType, FileTooLarge, NoHeader, NoRows, UnknownSheet, and what its reader refuses.
    """
    if PurePath(filename).suffix.lower() not in TYPES:
        raise UnsupportedType(
            f"Contacts are imported from tables; allowed are {', '.join(TYPES)}.", allowed=list(TYPES)
        )
    check_bytes(len(content), db.settings.ingest.max_bytes)
    grid = await _read(pool, filename, content)
    chosen = _sheet(grid, sheet)
    check_header(chosen)
    if not chosen.rows:
        raise NoRows("There is no row below the header.", field="file")
    async with db.read() as session:
        order, decimal = await habits(session, who.workspace_id)
    is_text = READABLE[PurePath(filename).suffix.lower()] == "csv"
    columns = await asyncio.to_thread(seen, chosen, order=order, decimal=decimal if is_text else ".")
    batches = await asyncio.to_thread(_batches, chosen)
    async with db.transaction() as session:
        made = ContactImport(
            id=new_id("imp"),
            workspace_id=who.workspace_id,
            created_by=who.staff_id or who.id,
            state=ImportState.MAPPING,
            filename=filename[:255],
            sheet=chosen.name,
            sheets=json.dumps([one.name for one in grid.sheets]),
            header_row=chosen.header_row,
            hidden_rows=grid.hidden,
            row_count=len(chosen.rows),
            columns=_COLUMNS.dump_json(columns).decode(),
            mapping=None,
            revision=0,
            checked_rows=0,
            created_at=now(session),
        )
        session.add(made)
        await session.flush()
        for number, (count, rows) in enumerate(batches):
            session.add(
                ContactImportBatch(
                    import_id=made.id,
                    number=number,
                    workspace_id=who.workspace_id,
                    row_count=count,
                    rows=rows,
                )
            )
        await session.flush()
        return await detail(session, made)


async def _read(pool: ReaderPool, filename: str, content: bytes) -> Grid:
    with tempfile.TemporaryDirectory(prefix="agentflow-import-") as folder:
        path = Path(folder) / f"table{PurePath(filename).suffix.lower()}"
        await asyncio.to_thread(path.write_bytes, content)
        return await pool.grid(path, path.name)


def _sheet(grid: Grid, name: str | None) -> GridSheet:
    if name is not None:
        for sheet in grid.sheets:
            if sheet.name == name:
                return sheet
        names = [sheet.name for sheet in grid.sheets]
        raise UnknownSheet(f"There is no sheet {name[:60]}.", field="sheet", allowed=names[:100])
    filled = [sheet for sheet in grid.sheets if sheet.rows or sheet.header]
    if not filled:
        raise NoRows("The file holds no rows.", field="file")
    return next((sheet for sheet in filled if sheet.rows and sheet.header), filled[0])


def _batches(sheet: GridSheet) -> list[tuple[int, str]]:
    parts = [sheet.rows[start : start + BATCH] for start in range(0, len(sheet.rows), BATCH)]
    return [
        (len(part), json.dumps([[number, list(cells.items())] for number, cells in part])) for part in parts
    ]


async def habits(session: AsyncSession, workspace_id: str) -> tuple[DateOrder, Literal[".", ","]]:
    """How dates and numbers are written where the workspace is; for columns in which no row decides."""
    workspace = await teams.get_workspace(session, workspace_id)
    country = await directory.country_of(session, workspace_id)
    order = DateOrder.MONTH_FIRST if country in _MONTH_FIRST else DateOrder.DAY_FIRST
    return order, "," if workspace.locale.partition("-")[0] in _COMMA.split() else "."


async def set_mapping(session: AsyncSession, who: Principal, import_id: str, data: Mapping) -> ImportDetail:
    """Say where the columns go. A dry run that was made is void then.

    Raises ImportNotFound, WrongState, MissingScope, and what is wrong with the mapping.
    """
    found = await _get(session, who.workspace_id, import_id, lock=True)
    _check_state(found, *OPEN)
    known = await properties.definitions(session, who.workspace_id)
    columns = columns_of(found)
    mappings.check(data, columns, known)
    if any(one.target == "new" for one in data.columns) and Scope.SETTINGS_WRITE not in who.scopes:
        raise MissingScope("Creating a property needs the scope settings:write.", scope=Scope.SETTINGS_WRITE)
    found.mapping = data.model_dump_json()
    found.state = ImportState.MAPPING
    found.dry_run, found.checked_rows = None, 0
    found.revision += 1
    await session.flush()
    return await detail(session, found)


async def start_dry_run(session: AsyncSession, workspace_id: str, import_id: str) -> ImportDetail:
    """Begin to find out what a commit would do; nothing is changed. Raises ImportNotFound, WrongState."""
    found = await _get(session, workspace_id, import_id, lock=True)
    _check_state(found, *OPEN)
    if found.mapping is None:
        raise WrongState("Say first where the columns go: PUT the mapping.", code="no_mapping")
    found.state = ImportState.CHECKING
    found.dry_run, found.checked_rows = None, 0
    found.problem_code = found.problem_detail = None
    found.revision += 1
    await session.flush()
    await enqueue(
        session,
        "contact_import_check",
        found.id,
        found.revision,
        job_id=f"contact_import_check:{found.id}:{found.revision}",
        partition=workspace_id,
    )
    return await detail(session, found)


async def commit(session: AsyncSession, who: Principal, import_id: str) -> ImportDetail:
    """Begin to take the rows over. Raises ImportNotFound, WrongState, and what refuses new properties."""
    found = await _get(session, who.workspace_id, import_id, lock=True)
    _check_state(found, ImportState.CHECKED)
    mapping = mapping_of(found)
    known = await properties.definitions(session, who.workspace_id)
    mappings.check(mapping, columns_of(found), known)  # a property may be gone since
    columns = {column.column: column for column in columns_of(found)}
    new = mappings.new_properties(mapping, columns, known)
    for one in new.values():
        await properties.create_property(session, who.workspace_id, one)
    targets, _ = mappings.resolved(mapping, new)
    found.mapping = mapping.model_copy(update={"columns": targets}).model_dump_json()
    found.state = ImportState.COMMITTING
    await session.flush()
    await enqueue(
        session,
        "contact_import",
        found.id,
        job_id=f"contact_import:{found.id}",
        partition=who.workspace_id,
    )
    return await detail(session, found)


async def get(session: AsyncSession, workspace_id: str, import_id: str) -> ImportDetail:
    """One import with its columns, mapping and summary. Raises ImportNotFound."""
    return await detail(session, await _get(session, workspace_id, import_id))


async def list_imports(
    session: AsyncSession, workspace_id: str, *, before: str | None, limit: int
) -> list[ImportRead]:
    """Imports, newest first."""
    found = await repository.list_imports(session, workspace_id, before=before, limit=limit)
    summaries = await summaries_of(session, found)
    return [_read_import(one, summaries[one.id]) for one in found]


async def discard(session: AsyncSession, workspace_id: str, import_id: str) -> None:
    """Forget an import and what is kept of its rows; contacts stay. Raises ImportNotFound, WrongState."""
    found = await _get(session, workspace_id, import_id, lock=True)
    _check_state(found, *(state for state in ImportState if state is not ImportState.COMMITTING))
    await repository.delete_import(session, found.id)


async def undo(session: AsyncSession, workspace_id: str, import_id: str) -> ImportUndone:
    """Put the contacts that an import made into the bin, except those that were needed since.

    Raises ImportNotFound, WrongState, TooLateToRestore.
    """
    found = await _get(session, workspace_id, import_id, lock=True)
    _check_state(found, ImportState.DONE, ImportState.FAILED)
    ended = found.finished_at or found.created_at
    if ended <= bin_since(session):
        raise TooLateToRestore(f"An import can be undone for {BIN_DAYS} days.")
    await repository.lock_contacts(session, workspace_id)
    created, updated = dict[str, datetime](), set[str]()  # and when the import last wrote into them
    for done_at, noted in await repository.contacts_of_batches(session, import_id):
        part = json.loads(noted)
        created |= dict.fromkeys([*part["created"], *created.keys() & set(part["updated"])], done_at)
        updated |= set(part["updated"]) - created.keys()
    binned, at_once = 0, defaultdict[datetime, list[str]](list)
    for one, done_at in created.items():
        at_once[done_at].append(one)
    for since, ids in at_once.items():
        binned += await repository.bin_unneeded(session, workspace_id, ids, since=since, at=now(session))
    found.state = ImportState.UNDONE
    await session.flush()
    return ImportUndone(binned=binned, kept=len(created) - binned, updated=len(updated))


async def refused_rows(
    db: Database, workspace_id: str, import_id: str, outcome: RowOutcome
) -> AsyncIterator[str]:
    """The rows that failed, or were skipped, as CSV: the original cells, the row's number, the reason."""
    async with db.read() as session:
        columns = columns_of(await _get(session, workspace_id, import_id))
    headers = [column.header or f"Column {column.column + 1}" for column in columns]

    async def lines() -> AsyncIterator[str]:
        yield BOM + csv_lines([[*headers, "Row in the file", "Reason"]])
        after = -1
        while True:
            async with db.read() as session:
                batch = await repository.refused_of(session, import_id, after=after)
            if batch is None:
                return
            after, refused = batch
            found = [
                [*(dict(cells).get(column.column, "") for column in columns), str(number), reason]
                for number, became, _, reason, cells in json.loads(refused)
                if became == outcome
            ]
            if found:
                yield csv_lines(found)

    return lines()


async def sweep(db: Database) -> None:
    """Erase uploads that nobody committed, and rows of imports that ended long ago."""
    async with db.transaction() as session:
        old = await repository.forgotten(session, uploaded_before=now(session) - FORGOTTEN, limit=100)
        for import_id in old:
            await repository.delete_import(session, import_id)
        await repository.forget_rows(session, finished_before=now(session) - KEPT)


def columns_of(found: ContactImport) -> list[ColumnSeen]:
    """The columns of the file."""
    return _COLUMNS.validate_json(found.columns)


def mapping_of(found: ContactImport) -> Mapping:
    """Where they go; only once there is a mapping."""
    return Mapping.model_validate_json(found.mapping or "")


async def detail(session: AsyncSession, found: ContactImport) -> ImportDetail:
    """An import as the API shows it alone."""
    columns = columns_of(found)
    summaries = await summaries_of(session, [found])
    names = {
        one.key: one.name
        for one in await properties.list_properties(
            session, found.workspace_id, deleted=False, after=None, limit=1000
        )
    }
    mapping = mapping_of(found) if found.mapping else None
    return ImportDetail(
        **_read_import(found, summaries[found.id]).model_dump(),
        sheet=found.sheet,
        sheets=json.loads(found.sheets),
        header_row=found.header_row,
        hidden_rows=found.hidden_rows,
        columns=columns if mapping is None else _as_mapped(columns, mapping),
        suggestions=suggest(columns, names) if found.state in OPEN else [],
        mapping=mapping,
        dry_run=DryRun.model_validate_json(found.dry_run) if found.dry_run else None,
    )


def _as_mapped(columns: Sequence[ColumnSeen], mapping: Mapping) -> list[ColumnSeen]:
    """The columns with the order of days and months that the mapping asks for."""
    orders = {one.column: one.date_order for one in mapping.columns if one.date_order}
    for column in columns:
        if column.dates is not None and column.column in orders:
            column.dates.order, column.dates.decided_by = orders[column.column], "mapping"
    return list(columns)


async def summaries_of(session: AsyncSession, found: Sequence[ContactImport]) -> dict[str, Summary | None]:
    """What the batches that are done add up to; None before a commit."""
    ids = [one.id for one in found if one.state not in (*OPEN, ImportState.CHECKING)]
    totals = await repository.totals_of(session, ids) if ids else {}
    reasons = await repository.reasons_of(session, ids) if ids else {}
    result: dict[str, Summary | None] = {}
    for one in found:
        if one.id not in ids:
            result[one.id] = None
            continue
        parts = [_REASONS.validate_json(part) for part in reasons.get(one.id, [])]
        total = totals.get(one.id)
        counts = {name: int(getattr(total, name)) for name in repository.COUNTS} if total else {}
        result[one.id] = Summary(rows=int(total.rows) if total else 0, reasons=added(parts), **counts)
    return result


def _read_import(found: ContactImport, summary: Summary | None) -> ImportRead:
    problem = None
    if found.problem_code is not None:
        problem = ImportProblem(code=found.problem_code, detail=found.problem_detail or "")
    return ImportRead(
        id=found.id,
        state=ImportState(found.state),
        filename=found.filename,
        rows=found.row_count,
        progress=Progress(
            done=found.checked_rows if summary is None else summary.rows, total=found.row_count
        ),
        summary=summary,
        problem=problem,
        created_by=found.created_by,
        created_at=found.created_at,
        finished_at=found.finished_at,
    )


async def _get(
    session: AsyncSession, workspace_id: str, import_id: str, *, lock: bool = False
) -> ContactImport:
    found = await repository.find_import(session, workspace_id, import_id, lock=lock)
    if found is None:
        raise ImportNotFound("There is no such import.")
    return found


def _check_state(found: ContactImport, *allowed: ImportState) -> None:
    if found.state not in allowed:
        raise WrongState(
            f"The import is {found.state}; this can be done when it is {' or '.join(allowed)}.",
            state=str(found.state),
            allowed=[str(state) for state in allowed],
        )


SAMPLE = BOM + csv_lines(
    [
        ["First name", "Last name", "Email", "Phone", "Country", "Company", "Job title", "Labels"],
        ["Ada", "Visser", "ada@example.com", "+31 6 12345678", "Netherlands", "Visser Bikes", "Owner", "vip"],
        ["Lukas", "Braun", "", "030 123456", "Germany", "", "", "hotlead, newsletter"],
    ]
)
