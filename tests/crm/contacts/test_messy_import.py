"""The messy file of the benchmark, in small: its counts are those of the generator and of the database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agentflow.kit.db import Database
from agentflow.kit.settings import IngestSettings
from crm.contacts import service as contacts
from crm.contacts.imports import service as imports
from crm.contacts.imports.schemas import ImportState
from crm.contacts.schemas import ContactSource, PropertyType
from evals.performance import messy_contacts
from knowledge.reading import ReaderPool
from tests.crm.contacts.importing import Desk, make_desk

ROWS, BAD = 500, 30


@pytest.fixture
async def desk(db: Database) -> AsyncIterator[Desk]:
    pool = ReaderPool(IngestSettings())
    found = await make_desk(db, pool)
    await found.define("since", "Klant sinds", PropertyType.DATE)
    await found.define("budget", "Budget", PropertyType.NUMBER)
    await found.define("plan", "Plan", PropertyType.CHOICE, messy_contacts.PLANS)
    yield found
    await pool.close()


async def test_that_the_counts_are_those_of_the_file_and_of_the_database(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = "xlsx" if desk.db.is_sqlite else "csv"  # both kinds on both stores would take twice as long
    monkeypatch.setattr(imports, "BATCH", 120)
    messy = messy_contacts.make(7, ROWS, bad=BAD)
    async with desk.db.transaction() as session:
        made = await contacts.create_many(
            session, desk.workspace_id, messy.existing, source=ContactSource.MANUAL
        )
    assert all(one.refusal is None for one in made)
    content = messy.xlsx() if kind == "xlsx" else messy.csv(7)

    found = await desk.upload(f"klanten.{kind}", content)
    assert {one.column: one.target for one in found.suggestions} == {
        0: "first_name",
        1: "last_name",
        2: "email",
        3: "phone",
        4: "country",
        5: "company",
        6: "labels",
        7: "property:since",
        8: "property:budget",
        9: "property:plan",
    }
    assert found.rows == ROWS
    dates = found.columns[7].dates
    assert dates is not None
    assert (dates.order, dates.decided_by) == ("day_first", "rows")
    await desk.map_as_suggested(found)
    before = await desk.count()
    checked = await desk.check(found.id)
    assert checked.dry_run is not None
    assert await desk.count() == before
    done = await desk.commit(found.id)

    assert done.state is ImportState.DONE
    assert done.summary is not None
    for summary in (checked.dry_run, done.summary):
        counted = {name: getattr(summary, name) for name in ("created", "updated", "skipped", "failed")}
        assert counted == dict(messy.expected), summary.reasons
        assert summary.duplicates == ROWS // 25 + ROWS // 100
        assert summary.contacts_updated == len(messy.existing)
    assert await desk.count() == before + messy.expected["created"]
    first = messy_contacts.FIRST_ROW if kind == "xlsx" else 2
    refused = (await desk.refused(found.id)).splitlines()
    assert len(refused) == BAD + 1
    assert {int(line.rpartition('","')[0].rpartition('"')[2]) - first for line in refused[1:]} == messy.bad
