"""The rules of labels: one of a name, made on first use, deleted into a bin."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import check_restorable
from agentflow.kit.db import now
from agentflow.kit.ids import new_id
from crm.contacts.activity.schemas import ActivityKind
from crm.contacts.activity.service import Line
from crm.contacts.errors import LabelNotFound, NameTaken, TooManyRecords
from crm.contacts.folding import fold
from crm.contacts.labels import repository
from crm.contacts.labels.schemas import (
    MAX_LABELS_OF_WORKSPACE,
    LabelCreate,
    LabelRead,
    LabelUpdate,
    label_name,
)
from crm.contacts.models import Label

_COLOURS = ("#c0392b", "#d35400", "#b7950b", "#1e8449", "#148f77", "#2471a3", "#6c3483", "#5d6d7e")


async def ensure_labels(session: AsyncSession, workspace_id: str, given: Iterable[str]) -> dict[str, str]:
    """The label's id for each name or id given; a name that no label has makes one.

    Raises ValueError for a name that cannot be one, TooManyRecords.
    """
    wanted = sorted(set(given))
    if not wanted:
        return {}
    known = await repository.labels_among(session, workspace_id, wanted)
    result = {one: one for one in wanted if one in known}
    names = {one: label_name(one) for one in wanted if one not in known}
    keys = {fold(name): name for name in names.values()}
    found = await repository.labels_named(session, workspace_id, keys)
    missing = [name for key, name in keys.items() if key not in found]
    if missing:
        await _check_room(session, workspace_id, len(missing))
        rows = [_row(session, workspace_id, name, None) for name in missing]
        await repository.add_labels(session, rows)
        found = await repository.labels_named(session, workspace_id, keys)
    return result | {one: found[fold(name)] for one, name in names.items()}


async def known_labels(session: AsyncSession, workspace_id: str, given: Iterable[str]) -> set[str]:
    """Ids of the labels with these names or ids; what names none is passed over."""
    wanted = set(given)
    by_name = await repository.labels_named(session, workspace_id, {fold(one) for one in wanted})
    return await repository.labels_among(session, workspace_id, wanted) | set(by_name.values())


async def changed_lines(
    session: AsyncSession,
    workspace_id: str,
    *,
    added: Collection[tuple[str, str]],
    removed: Collection[tuple[str, str]],
) -> list[Line]:
    """What the logs of contacts say about these (contact, label)."""
    if not added and not removed:
        return []
    ids = {label_id for pairs in (added, removed) for _, label_id in pairs}
    names = await repository.names_of(session, workspace_id, ids)
    return [
        Line(contact_id, kind, label_id, {"label": names[label_id]})
        for kind, pairs in ((ActivityKind.LABEL_ADDED, added), (ActivityKind.LABEL_REMOVED, removed))
        for contact_id, label_id in sorted(pairs)
    ]


async def create_label(session: AsyncSession, workspace_id: str, data: LabelCreate) -> LabelRead:
    """A new label. Raises NameTaken, TooManyRecords."""
    await _check_name(session, workspace_id, data.name)
    await _check_room(session, workspace_id, 1)
    row = _row(session, workspace_id, data.name, data.colour)
    await repository.add_labels(session, [row])
    made = await repository.find_label(session, workspace_id, str(row["id"]))
    if made is None:  # somebody made it at the same time
        raise NameTaken(f"There is a label called {data.name} already.", field="name")
    return LabelRead.model_validate(made)


async def list_labels(
    session: AsyncSession, workspace_id: str, *, deleted: bool, after: str | None, limit: int
) -> list[LabelRead]:
    """One page, oldest first; when `deleted` of those in the bin that can be restored."""
    found = await repository.list_labels(session, workspace_id, after=after, deleted=deleted, limit=limit)
    return [LabelRead.model_validate(one) for one in found]


async def get_label(session: AsyncSession, workspace_id: str, label_id: str) -> LabelRead:
    """Raises LabelNotFound."""
    return LabelRead.model_validate(await _get(session, workspace_id, label_id))


async def update_label(
    session: AsyncSession, workspace_id: str, label_id: str, data: LabelUpdate
) -> LabelRead:
    """Rename or recolour. Raises LabelNotFound, NameTaken."""
    label = await _get(session, workspace_id, label_id)
    if data.name is not None:
        if fold(data.name) != label.name_key:
            await _check_name(session, workspace_id, data.name)
        label.name, label.name_key = data.name, fold(data.name)
    if data.colour is not None:
        label.colour = data.colour.lower()
    await session.flush()
    return LabelRead.model_validate(label)


async def delete_label(session: AsyncSession, workspace_id: str, label_id: str) -> LabelRead:
    """Put it into the bin; contacts show it no more. Raises LabelNotFound."""
    label = await _get(session, workspace_id, label_id)
    label.deleted_at = now(session)
    await session.flush()
    return LabelRead.model_validate(label)


async def restore_label(session: AsyncSession, workspace_id: str, label_id: str) -> LabelRead:
    """Take it out of the bin; contacts that had it have it again.

    Raises LabelNotFound, NameTaken, TooManyRecords, TooLateToRestore.
    """
    label = await _get(session, workspace_id, label_id, deleted=True)
    check_restorable(session, label.deleted_at)
    await _check_name(session, workspace_id, label.name)
    await _check_room(session, workspace_id, 1)
    label.deleted_at = None
    await session.flush()
    return LabelRead.model_validate(label)


async def _get(session: AsyncSession, workspace_id: str, label_id: str, *, deleted: bool = False) -> Label:
    label = await repository.find_label(session, workspace_id, label_id, deleted=deleted)
    if label is None:
        raise LabelNotFound("There is no such label.")
    return label


async def _check_name(session: AsyncSession, workspace_id: str, name: str) -> None:
    if await repository.labels_named(session, workspace_id, [fold(name)]):
        raise NameTaken(f"There is a label called {name} already.", field="name")


async def _check_room(session: AsyncSession, workspace_id: str, more: int) -> None:
    count = await repository.count_labels(session, workspace_id)
    if count + more > MAX_LABELS_OF_WORKSPACE:
        raise TooManyRecords(
            f"A workspace has at most {MAX_LABELS_OF_WORKSPACE} labels.", limit=MAX_LABELS_OF_WORKSPACE
        )


def _row(session: AsyncSession, workspace_id: str, name: str, colour: str | None) -> dict[str, object]:
    key = fold(name)
    return {
        "id": new_id("lbl"),
        "workspace_id": workspace_id,
        "name": name,
        "name_key": key,
        "colour": (colour or _COLOURS[zlib.crc32(key.encode()) % len(_COLOURS)]).lower(),
        "created_at": now(session),
        "deleted_at": None,
    }
