"""An export reads back to the same contacts, whatever stands in them: at home and in a fresh workspace."""

from __future__ import annotations

import string
from collections.abc import Sequence

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from agentflow.kit.db import Database
from agentflow.kit.settings import IngestSettings
from crm.contacts import service as contacts
from crm.contacts.exports.schemas import ContactExport
from crm.contacts.exports.service import contacts_csv
from crm.contacts.folding import fold
from crm.contacts.labels.schemas import MAX_NAME
from crm.contacts.schemas import ContactCreate, ContactRead, ContactSource, PropertyType
from knowledge.reading import ReaderPool
from tests.crm.contacts.importing import Desk, make_desk

FORMULAS = ["=1+1", "+31", "-2", "@x", "'=x", "''"]
ODD = st.sampled_from([*FORMULAS, '"', 'a"b', "a;b", "a,b", "\\", '\\"x', "sep=;", "NULL"])
LETTERS = st.characters(exclude_categories=["C", "Zl", "Zp"], exclude_characters="\ufffd")
WORDS = st.one_of(ODD, st.text(LETTERS, max_size=20), st.just("Name\nwith\r\nlines and\ttabs"))
LABELS = st.one_of(ODD, st.text(LETTERS, min_size=1, max_size=20), st.just("##double")).filter(
    lambda name: 0 < len(fold(name.strip().removeprefix("#"))) <= MAX_NAME
)
LOCAL = st.text(string.ascii_letters + "+-=_", min_size=1, max_size=8)
NUMBERS = st.one_of(st.integers(-(10**12), 10**12), st.floats(-1e12, 1e12, allow_nan=False), st.just(1.234))


@st.composite
def people(draw: st.DrawFn) -> list[ContactCreate]:
    return [
        ContactCreate(
            first_name=draw(WORDS),
            last_name=draw(WORDS),
            company=draw(WORDS),
            location=draw(WORDS),
            emails=[f"{draw(LOCAL)}{number}@example.com"],
            phones=draw(st.sampled_from([[], [f"06 1234 {number:04}"], [f"+49 151 2345{number:04}"]])),
            country=draw(st.sampled_from([None, "NL", "US"])),
            language=draw(st.sampled_from([None, "nl", "pt-BR", "zh_Hant"])),
            labels=draw(st.lists(LABELS, max_size=4, unique_by=fold)),
            properties={
                "note": draw(WORDS),
                "email": draw(NUMBERS),
                "day": draw(st.dates()).isoformat(),
                "yes": draw(st.booleans()),
                "size": draw(st.sampled_from(["1,5", "=x", "none"])),
            },
        )
        for number in range(draw(st.integers(1, 12)))
    ]


@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(rows=people())
async def test_that_an_export_reads_back_to_the_same_contacts(
    db: Database, rows: list[ContactCreate]
) -> None:
    pool = ReaderPool(IngestSettings())
    try:
        ours, theirs = [await _desk(db, pool) for _ in range(2)]
        async with db.transaction() as session:
            made = await contacts.create_many(
                session, ours.workspace_id, rows, source=ContactSource.API, allow_duplicate=True
            )
        assert [one.refusal for one in made] == [None] * len(rows)
        before = await _everybody(ours)
        exported = "".join([part async for part in await contacts_csv(db, ours.who, ContactExport())])

        again = await ours.whole("contacts.csv", exported.encode())
        assert again.summary is not None
        assert again.summary.skipped == len(rows), (again.summary, exported)
        assert await _everybody(ours) == before
        fresh = await theirs.whole("contacts.csv", exported.encode())
        assert fresh.summary is not None
        assert fresh.summary.created == len(rows), (fresh.summary, exported)
        assert [_plain(one) for one in await _everybody(theirs)] == [_plain(one) for one in before]
    finally:
        await pool.close()


async def _desk(db: Database, pool: ReaderPool) -> Desk:
    desk = await make_desk(db, pool)
    await desk.define("note", "Notes, odd ones", PropertyType.TEXT)
    await desk.define("email", "Email", PropertyType.NUMBER)  # called like a standard field
    await desk.define("day", "Day", PropertyType.DATE)
    await desk.define("yes", "=Yes?", PropertyType.BOOLEAN)
    await desk.define("size", "Size", PropertyType.CHOICE, ("1,5", "=x", "none"))
    return desk


async def _everybody(desk: Desk) -> Sequence[ContactRead]:
    async with desk.db.read() as session:
        found = await contacts.list_contacts(
            session, desk.workspace_id, deleted=False, before=None, limit=200
        )
    return sorted(found, key=lambda one: one.emails[0])


def _plain(contact: ContactRead) -> dict[str, object]:
    own = {"id", "owner_id", "phones", "created_at", "updated_at", "source", "identities", "labels"}
    labels = sorted(label.name for label in contact.labels)
    return contact.model_dump(exclude=own) | {"labels": labels}
