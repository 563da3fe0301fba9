"""Contacts as CSV, read in pages while they are sent, so that no export is held whole.

An import of the file finds every contact again, by its id where it has no address, and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import Database
from crm.contacts.cells import BOM, csv_lines, joined
from crm.contacts.exports.schemas import ContactExport
from crm.contacts.filters import service as filters
from crm.contacts.filters.schemas import ContactSearch
from crm.contacts.imports.columns import EXPORTED
from crm.contacts.imports.schemas import PROPERTY
from crm.contacts.imports.words import TARGETS, plain
from crm.contacts.properties import service as properties
from crm.contacts.schemas import ContactRead, PropertyValue
from crm.teams import directory
from crm.teams.service import Principal

_PAGE = 200
_SEPARATORS = re.compile(r"[;,|\n]")
_FURTHER = ("Display name", "Source", "Created", "Last contact")  # not read back
_LIKE_GROUPS = re.compile(r"-?\d{1,3}\.\d{3}$")


@dataclass(frozen=True)
class _Layout:
    """What the columns need: the custom properties in their order, and addresses of the staff."""

    keys: Sequence[str]
    headers: Sequence[str]
    owners: Mapping[str, str]


async def contacts_csv(db: Database, who: Principal, wanted: ContactExport) -> AsyncIterator[str]:
    """The contacts that are wanted and not in the bin, newest first. Raises what refuses a filter."""
    search = ContactSearch(**{name: getattr(wanted, name) for name in type(wanted).model_fields}, limit=_PAGE)
    async with db.read() as session:
        layout = await _layout(session, who.workspace_id)
        first = await filters.search(session, who, search)

    async def lines() -> AsyncIterator[str]:
        yield BOM + csv_lines([[*EXPORTED, *layout.headers, *_FURTHER]])
        page = first
        while True:
            yield csv_lines(_cells(contact, layout) for contact in page.items)
            if page.next_cursor is None:
                return
            async with db.read() as session:
                following = search.model_copy(update={"cursor": page.next_cursor})
                page = await filters.search(session, who, following)

    return lines()


async def _layout(session: AsyncSession, workspace_id: str) -> _Layout:
    found = await properties.list_properties(session, workspace_id, deleted=False, after=None, limit=1000)
    names = [plain(one.name) for one in found]
    standard = {*TARGETS, *(plain(header) for header in (*EXPORTED, *_FURTHER))}
    headers = [
        one.name
        if name and name not in standard and names.count(name) == 1 and _is_one_line(one.name)
        else f"{PROPERTY}{one.key}"
        for one, name in zip(found, names, strict=True)
    ]
    owners = await directory.staff_by_address(session, workspace_id)
    return _Layout([one.key for one in found], headers, {owner: email for email, owner in owners.items()})


def _is_one_line(name: str) -> bool:
    """Whether a header comes back as it is."""
    return " ".join(name.split()) == name and name.isprintable() and " / " not in name


def _cells(contact: ContactRead, layout: _Layout) -> list[str]:
    phones = [
        given if given.startswith(("+", "00")) and not _SEPARATORS.search(given) else number
        for given, number in zip(contact.phones, contact.phone_numbers, strict=True)
    ]
    labels = [f"#{label.name}" if label.name.startswith("#") else label.name for label in contact.labels]
    return [
        contact.id,
        contact.first_name or "",
        contact.last_name or "",
        "; ".join(contact.emails),
        "; ".join(phones),
        contact.company or "",
        contact.job_title or "",
        contact.location or "",
        contact.country or "",
        contact.language or "",
        layout.owners.get(contact.owner_id or "", ""),
        joined(labels) if labels else "",
        *(_value(contact.properties.get(key)) for key in layout.keys),
        contact.name or "",
        contact.source,
        contact.created_at.isoformat(),
        contact.last_contact_at.isoformat() if contact.last_contact_at else "",
    ]


def _value(value: PropertyValue) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    text = repr(value)
    return f"{text}0" if _LIKE_GROUPS.match(text) else text  # 1.234 might be read as a thousand and more
