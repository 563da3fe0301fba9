"""Everything of a workspace in one zip of JSON lines, and everything of one contact as JSON."""

from __future__ import annotations

import asyncio
import json
import tempfile
import zipfile
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.care import repository
from agentflow.care.models import Export
from agentflow.care.schemas import ExportRead
from agentflow.kit.db import Database, now
from agentflow.kit.errors import Conflict, NotFound
from agentflow.kit.files import BLOCK, Files
from agentflow.kit.ids import new_id
from agentflow.kit.jobs import enqueue

KEPT = timedelta(days=7)
FOLDER = "exports"
FILES = "contact_files"
# People and what was said; staff's credentials and the agents' configuration are not in it.
TABLES = (
    "contacts",
    "contact_identities",
    "contact_addresses",
    "contact_properties",
    "contact_values",
    "labels",
    "contact_labels",
    "contact_lists",
    "contact_list_members",
    "contact_notes",
    "contact_reminders",
    FILES,
    "object_definitions",
    "object_records",
    "object_links",
    "conversations",
    "messages",
    "conversation_notes",
)
# What staff write for each other: it is in the export of the workspace, and never in what a person is given.
INTERNAL = ("contact_notes", "contact_reminders", "conversation_notes")
# What a person's rows point at: table → whose rows name it, in which column.
_NAMED = {
    "contact_properties": ("contact_values", "property_id"),
    "labels": ("contact_labels", "label_id"),
    "contact_lists": ("contact_list_members", "list_id"),
    "object_records": ("object_links", "record_id"),
    "object_definitions": ("object_records", "definition_id"),
}
_OURS = {"workspace_id", "file_key", "search_key", "owner_epoch", "attempt", "dedupe_key", "trace"}


async def request(session: AsyncSession, workspace_id: str, *, requested_by: str) -> ExportRead:
    """Begin to write everything into one file."""
    export = Export(
        id=new_id("exp"),
        workspace_id=workspace_id,
        state="queued",
        rows="{}",
        bytes=0,
        requested_by=requested_by,
        created_at=now(session),
        expires_at=now(session) + KEPT,
    )
    session.add(export)
    await session.flush()
    await enqueue(session, "export", export.id, job_id=f"export:{export.id}", partition=workspace_id)
    return read(export)


async def get(session: AsyncSession, workspace_id: str, export_id: str) -> ExportRead:
    """One export. Raises NotFound, also when its time is over."""
    return read(await _find(session, workspace_id, export_id))


async def file_of(session: AsyncSession, workspace_id: str, export_id: str) -> tuple[str, int]:
    """Where its file lies, and its number of contacts. Raises NotFound, and Conflict while there is none."""
    export = await _find(session, workspace_id, export_id)
    if export.state != "ready":
        raise Conflict("The export is not ready yet.", code="export_not_ready")
    return f"{FOLDER}/{export_id}", json.loads(export.rows)["contacts"]


async def _find(session: AsyncSession, workspace_id: str, export_id: str) -> Export:
    export = await repository.find_export(session, workspace_id, export_id)
    if export is None or export.expires_at <= now(session):
        raise NotFound("There is no such export.", code="export_not_found")
    return export


def read(export: Export) -> ExportRead:
    """An export as an admin sees it."""
    return ExportRead(
        id=export.id,
        state=export.state,  # type: ignore[arg-type]
        rows=json.loads(export.rows),
        bytes=export.bytes,
        created_at=export.created_at,
        expires_at=export.expires_at,
    )


async def write(db: Database, files: Files, export_id: str) -> None:
    """The job: a file for each table, a line for each row; the files by their ids. Safe to repeat."""
    async with db.read() as session:
        export = await repository.find_export_of_job(session, export_id)
    if export is None or export.state == "ready":
        return
    rows: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="agentflow-export-") as folder:
        made = Path(folder) / "export.zip"
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in TABLES:
                rows[name] = 0
                with archive.open(f"{name}.jsonl", "w", force_zip64=True) as part:
                    async for page in repository.pages(db, name, export.workspace_id):
                        part.write("".join(_line(row) for row in page).encode())
                        rows[name] += len(page)
            async for page in repository.pages(db, FILES, export.workspace_id):
                for row in page:
                    await _add_file(archive, files, row)
        stored = await files.put(f"{FOLDER}/{export_id}", _blocks(made))
    async with db.transaction() as session:
        done = await repository.find_export_of_job(session, export_id)
        if done is not None:
            done.state, done.bytes, done.rows = "ready", stored.size, json.dumps(rows)


async def _add_file(archive: zipfile.ZipFile, files: Files, row: dict[str, Any]) -> None:
    try:
        content = await files.read(row["file_key"])
    except NotFound:  # erased since it was listed
        return
    with archive.open(f"files/{row['id']}", "w", force_zip64=True) as part:
        async for block in content:
            part.write(block)


async def give_up(db: Database, export_id: str) -> None:
    """The job failed too often."""
    async with db.transaction() as session:
        export = await repository.find_export_of_job(session, export_id)
        if export is not None and export.state != "ready":
            export.state = "failed"


async def sweep(db: Database, files: Files) -> None:
    """Delete the exports whose time is over, with their files."""
    async with db.read() as session:
        expired = await repository.expired_exports(session, now(session))
    await _erase(db, files, expired)


async def forget(db: Database, files: Files, workspace_id: str) -> int:
    """Delete every export of a workspace: each holds people who are to be erased. Returns how many."""
    async with db.read() as session:
        ids = await repository.exports_of(session, workspace_id)
    await _erase(db, files, ids)
    return len(ids)


async def _erase(db: Database, files: Files, export_ids: list[str]) -> None:
    for export_id in export_ids:
        await files.delete(f"{FOLDER}/{export_id}")
        async with db.transaction() as session:
            await repository.delete_export(session, export_id)


async def of_contact(session: AsyncSession, workspace_id: str, contact_id: str) -> dict[str, Any]:
    """One person's data to be handed to them: all that is theirs, by table, but what is `INTERNAL`.

    Raises NotFound.
    """
    who = await repository.find_person(session, workspace_id, [contact_id])
    if who is None:
        raise NotFound("There is no such contact.", code="contact_not_found")
    found = {
        name: await repository.rows_of_person(session, name, who)
        for name in TABLES
        if name in repository.tables_of_people() and name not in INTERNAL
    }
    for name, (of, column) in _NAMED.items():
        found[name] = await repository.rows_by_id(session, name, {str(row[column]) for row in found[of]})
    return {name: [_shown(row) for row in rows] for name, rows in found.items()}


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in _OURS and value is not None}


def _line(row: dict[str, Any]) -> str:
    return json.dumps(_shown(row), ensure_ascii=False, default=_plain) + "\n"


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


async def _blocks(path: Path) -> AsyncIterator[bytes]:
    with open(path, "rb") as file:  # noqa: ASYNC230 - opening a local file is quick; reads use threads
        while block := await asyncio.to_thread(file.read, BLOCK):
            yield block
