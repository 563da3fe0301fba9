"""Every query about back-ups, erasures and exports.

What belongs to a person is found in the metadata of the tables, so that a new table cannot be forgotten: a
row is theirs when it points at their contact, at a conversation or a message of theirs, or at such a row.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    LargeBinary,
    Table,
    delete,
    false,
    inspect,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.care.models import Backup, Erasure, Export
from agentflow.kit.db import Base, Database, pages_by_key

PAGE = 300
_OWNERS = ("contacts", "conversations", "messages")
# Tables that point at a person only in what they hold; rows that name them are erased when they are found.
SCANNED = ("events", "idempotency_keys", "source_previews", "job_attempts", "rate_counters")
# Hold many people in one row: the one to be erased is taken out.
SHARED = ("contact_imports", "contact_import_batches")
# Keep ids on purpose: who did what to which record, and who was erased.
IDS_ONLY = ("audit_entries", "audit_records", "erasures")


@dataclass(frozen=True)
class Person:
    """The ids of everything that is somebody's own."""

    workspace_id: str
    contacts: tuple[str, ...]
    conversations: tuple[str, ...]


async def find_backup(session: AsyncSession, backup_id: str) -> Backup | None:
    """One back-up by its id."""
    return await session.get(Backup, backup_id)


async def list_backups(session: AsyncSession, *, at: datetime) -> list[Backup]:
    """The back-ups that have not expired, oldest first."""
    query = select(Backup).where(Backup.expires_at > at).order_by(Backup.created_at)
    return list((await session.execute(query)).scalars())


async def expired_backups(session: AsyncSession, *, at: datetime) -> list[Backup]:
    """The back-ups whose time is over, oldest first."""
    query = select(Backup).where(Backup.expires_at <= at).order_by(Backup.created_at)
    return list((await session.execute(query)).scalars())


async def delete_backup(session: AsyncSession, backup_id: str) -> None:
    """List a back-up no more."""
    await session.execute(delete(Backup).where(Backup.id == backup_id))


async def find_erasure(session: AsyncSession, workspace_id: str, erasure_id: str) -> Erasure | None:
    """One erasure."""
    query = select(Erasure).where(Erasure.workspace_id == workspace_id, Erasure.id == erasure_id)
    return (await session.execute(query)).scalar_one_or_none()


async def find_erasure_of_job(session: AsyncSession, erasure_id: str) -> Erasure | None:
    """The erasure a job names, in whatever workspace."""
    return await session.get(Erasure, erasure_id)


async def list_erasures(
    session: AsyncSession, workspace_id: str, *, before: str | None, limit: int
) -> list[Erasure]:
    """One page, newest first."""
    query = select(Erasure).where(Erasure.workspace_id == workspace_id).order_by(Erasure.id.desc())
    if before is not None:
        query = query.where(Erasure.id < before)
    return list((await session.execute(query.limit(limit))).scalars())


async def find_export(session: AsyncSession, workspace_id: str, export_id: str) -> Export | None:
    """One export."""
    query = select(Export).where(Export.workspace_id == workspace_id, Export.id == export_id)
    return (await session.execute(query)).scalar_one_or_none()


async def find_export_of_job(session: AsyncSession, export_id: str) -> Export | None:
    """The export a job names, in whatever workspace."""
    return await session.get(Export, export_id)


async def expired_exports(session: AsyncSession, at: datetime) -> list[str]:
    """Exports whose time is over."""
    return list((await session.execute(select(Export.id).where(Export.expires_at <= at))).scalars())


async def exports_of(session: AsyncSession, workspace_id: str) -> list[str]:
    """Every export of a workspace."""
    query = select(Export.id).where(Export.workspace_id == workspace_id)
    return list((await session.execute(query)).scalars())


async def delete_export(session: AsyncSession, export_id: str) -> None:
    """Delete the row of an export."""
    await session.execute(delete(Export).where(Export.id == export_id))


async def find_person(
    session: AsyncSession, workspace_id: str, contact_ids: Collection[str]
) -> Person | None:
    """The ids of these contacts, of those merged into them, and of their talks; None when none is there."""
    contacts, conversations = (Base.metadata.tables[name] for name in ("contacts", "conversations"))
    found: set[str] = set()
    wanted = set(contact_ids)
    while wanted:
        known = contacts.c.id.in_(wanted) | contacts.c.merged_into_id.in_(wanted)
        query = select(contacts.c.id).where(contacts.c.workspace_id == workspace_id, known)
        wanted = set((await session.execute(query)).scalars()) - found
        found |= wanted
    if not found:
        return None
    talks = select(conversations.c.id).where(conversations.c.contact_id.in_(found))
    return Person(
        workspace_id,
        tuple(sorted(found)),
        tuple((await session.execute(talks)).scalars()),
    )


def owner_of(column: Column[Any]) -> str | None:
    """Which of contacts, conversations and messages a column points at, by its key or by its name."""
    for key in column.foreign_keys:
        if key.target_fullname in {f"{owner}.id" for owner in _OWNERS}:
            return key.target_fullname.split(".")[0]
    return {"contact_id": "contacts", "conversation_id": "conversations", "message_id": "messages"}.get(
        column.name
    )


def tables_of_people() -> list[str]:
    """The tables with rows that may belong to a person, those that point at others first."""
    others = [
        table.name
        for table in reversed(Base.metadata.sorted_tables)
        if table.name not in (*IDS_ONLY, *_OWNERS) and _owned(table, frozenset())
    ]
    return [*others, *reversed(_OWNERS)]


def _owned(table: Table, seen: frozenset[str]) -> bool:
    if table.name in seen:
        return False
    if table.name in _OWNERS or table.name == "events":
        return True
    if any(owner_of(column) for column in table.columns):
        return True
    parents = {key.column.table for key in table.foreign_keys}
    return any(_is_part(table, parent) and _owned(parent, seen | {table.name}) for parent in parents)


def _is_part(table: Table, parent: Table) -> bool:
    """True when a row cannot be without the one it points at."""
    return any(key.column.table is parent and not key.parent.nullable for key in table.foreign_keys)


def _condition(table: Table, who: Person) -> ColumnElement[bool]:
    """The rows of a table that are this person's."""
    parts: list[ColumnElement[bool]] = []
    if table.name in _OWNERS:
        parts.append(table.c.id.in_(_ids(table.name, who)))
    if table.name == "events":
        own = table.c.stream.in_((*who.contacts, *who.conversations))
        parts.append((table.c.workspace_id == who.workspace_id) & own)
    for column in table.columns:
        if (owner := owner_of(column)) is not None:
            parts.append(column.in_(_ids(owner, who)))
    for key in table.foreign_keys:
        parent = key.column.table
        if parent.name not in _OWNERS and _is_part(table, parent) and _owned(parent, frozenset({table.name})):
            parts.append(key.parent.in_(select(key.column).where(_condition(parent, who))))
    return or_(*parts) if parts else false()


def _ids(owner: str, who: Person) -> Any:  # noqa: ANN401 - ids, or the query that finds them
    if owner == "messages":  # there may be more than a statement takes
        messages = Base.metadata.tables["messages"]
        return select(messages.c.id).where(messages.c.conversation_id.in_(who.conversations))
    return who.contacts if owner == "contacts" else who.conversations


async def rows_of_person(session: AsyncSession, name: str, who: Person) -> list[dict[str, Any]]:
    """Their rows of one table, read as the application reads them."""
    table = Base.metadata.tables[name]
    columns = [column for column in table.columns if not isinstance(column.type, LargeBinary)]
    found = await session.execute(select(*columns).where(_condition(table, who)))
    return [dict(row) for row in found.mappings()]


async def rows_by_id(session: AsyncSession, name: str, ids: Collection[str]) -> list[dict[str, Any]]:
    """The rows of a table with these ids."""
    table = Base.metadata.tables[name]
    return [dict(row) for row in (await session.execute(select(table).where(table.c.id.in_(ids)))).mappings()]


async def erase_rows(session: AsyncSession, name: str, who: Person) -> int:
    """Delete their rows of one table; returns how many."""
    table = Base.metadata.tables[name]
    return int((await session.execute(delete(table).where(_condition(table, who)))).rowcount)  # type: ignore[attr-defined]


async def records_only_of(session: AsyncSession, who: Person) -> list[str]:
    """Custom objects (orders, memberships) that hang on this person and on nobody else."""
    links = Base.metadata.tables["object_links"]
    shared = select(links.c.record_id).where(links.c.contact_id.not_in(who.contacts))
    query = select(links.c.record_id).where(
        links.c.contact_id.in_(who.contacts), links.c.record_id.not_in(shared)
    )
    return sorted(set((await session.execute(query)).scalars()))


async def erase_records(session: AsyncSession, record_ids: Sequence[str]) -> int:
    """Delete these custom objects with what they hold."""
    values, records = (Base.metadata.tables[name] for name in ("object_values", "object_records"))
    await session.execute(delete(values).where(values.c.record_id.in_(record_ids)))
    done = await session.execute(delete(records).where(records.c.id.in_(record_ids)))
    return int(done.rowcount)  # type: ignore[attr-defined]


async def gaps_of(session: AsyncSession, who: Person) -> list[str]:
    """Groups of questions without an answer that only this person asked."""
    asked = Base.metadata.tables["unanswered_questions"]
    others = select(asked.c.gap_id).where(
        asked.c.gap_id.is_not(None), asked.c.conversation_id.not_in(who.conversations)
    )
    query = select(asked.c.gap_id).where(
        asked.c.conversation_id.in_(who.conversations),
        asked.c.gap_id.is_not(None),
        asked.c.gap_id.not_in(others),
    )
    return sorted(set((await session.execute(query)).scalars()))


async def erase_gaps(session: AsyncSession, gap_ids: Sequence[str]) -> int:
    """Delete these groups, with the drafts in them."""
    gaps = Base.metadata.tables["knowledge_gaps"]
    done = await session.execute(delete(gaps).where(gaps.c.id.in_(gap_ids)))
    return int(done.rowcount)  # type: ignore[attr-defined]


async def pages(db: Database, name: str, workspace_id: str) -> AsyncIterator[list[dict[str, Any]]]:
    """The rows of a table that belong to a workspace, by primary key, a transaction for each page."""
    table = Base.metadata.tables[name]
    query = select(*(column for column in table.columns if not isinstance(column.type, LargeBinary)))
    if (of_workspace := _of_workspace(table, workspace_id)) is not None:
        query = query.where(of_workspace)
    async for rows in pages_by_key(db, table, query, PAGE):
        yield [dict(row._mapping) for row in rows]


def _of_workspace(table: Table, workspace_id: str) -> ColumnElement[bool] | None:
    if table.name == "workspaces":
        return table.c.id == workspace_id
    if "workspace_id" in table.c:
        return table.c.workspace_id == workspace_id
    for key in table.foreign_keys:
        inner = _of_workspace(key.column.table, workspace_id) if key.column.table is not table else None
        if inner is not None:
            return key.parent.in_(select(key.column).where(inner))
    return None


async def erase_by_key(session: AsyncSession, name: str, row: dict[str, Any]) -> None:
    """Delete one row that was read by `pages`."""
    table = Base.metadata.tables[name]
    await session.execute(delete(table).where(*(key == row[key.name] for key in table.primary_key.columns)))


async def lock_by_key(session: AsyncSession, name: str, row: dict[str, Any]) -> dict[str, Any] | None:
    """One row that was read by `pages`, as it is now."""
    table = Base.metadata.tables[name]
    query = select(table).where(*(key == row[key.name] for key in table.primary_key.columns))
    found = (await session.execute(query.with_for_update())).mappings().one_or_none()
    return None if found is None else dict(found)


async def change_by_key(
    session: AsyncSession, name: str, row: dict[str, Any], values: dict[str, str]
) -> None:
    """Change one row."""
    table = Base.metadata.tables[name]
    same = (key == row[key.name] for key in table.primary_key.columns)
    await session.execute(update(table).where(*same).values(values))


async def texts_of_jobs(db: Database) -> list[str]:
    """Whatever the durable engine keeps of jobs: inputs, outputs, errors, messages."""
    async with db.read() as session:
        connection = await session.connection()
        found: list[str] = await connection.run_sync(_texts_of_engine)
    return found


def _texts_of_engine(connection: Connection) -> list[str]:
    schema = None if connection.dialect.name == "sqlite" else "dbos"
    inspector = inspect(connection)
    texts: list[str] = []
    for name in inspector.get_table_names(schema=schema):
        if name in Base.metadata.tables or name == "alembic_version":
            continue
        of = f'"{schema}"."{name}"' if schema else f'"{name}"'
        for row in connection.execute(text(f"SELECT * FROM {of}")):
            texts.append("\n".join(value for value in row if isinstance(value, str)))
    return texts
