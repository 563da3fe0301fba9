"""Imports: what is refused as a whole, what a row is refused for, what becomes of people known already."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from agentflow.kit.bin import TooLateToRestore
from agentflow.kit.clock import ManualClock
from agentflow.kit.db import Database
from agentflow.kit.errors import AppError
from agentflow.kit.settings import IngestSettings
from channels import service as channels
from channels.schemas import ChannelAccountCreate
from crm.contacts import service as contacts
from crm.contacts.imports import run
from crm.contacts.imports import service as imports
from crm.contacts.imports.errors import ImportNotFound, WrongState
from crm.contacts.imports.models import ContactImport
from crm.contacts.imports.schemas import (
    ImportDetail,
    ImportState,
    ImportUndone,
    Mapping,
    RowOutcome,
    Summary,
)
from crm.contacts.lists import service as lists
from crm.contacts.lists.schemas import LabelsChange
from crm.contacts.models import Contact
from crm.contacts.schemas import ContactCreate, ContactRead, ContactSource, ContactUpdate, PropertyType
from crm.inbox import service as inbox
from crm.teams.schemas import Scope
from knowledge.limits import MAX_UNPACKED_BYTES
from knowledge.reading import ReaderPool
from tests.crm.contacts.importing import Desk, make_desk
from tests.talk import said

HEADER = "First name,Email,Phone,Company,Labels\n"


@pytest.fixture(scope="module")
def pool() -> ReaderPool:
    return ReaderPool(IngestSettings(max_rows=1000))


@pytest.fixture(scope="module", autouse=True)
def _closed(pool: ReaderPool) -> Iterator[None]:
    yield
    asyncio.run(pool.close())


@pytest.fixture
async def desk(db: Database, pool: ReaderPool) -> Desk:
    return await make_desk(db, pool)


async def everybody(desk: Desk) -> list[ContactRead]:
    async with desk.db.read() as session:
        found = await contacts.list_contacts(
            session, desk.workspace_id, deleted=False, before=None, limit=200
        )
    return found[::-1]


def counts(made: ImportDetail | Summary) -> tuple[int, int, int, int]:
    summary = made.summary if isinstance(made, ImportDetail) else made
    assert summary is not None
    return summary.created, summary.updated, summary.skipped, summary.failed


def codes(made: ImportDetail) -> dict[str, int]:
    assert made.summary is not None
    return {one.code: one.count for one in made.summary.reasons}


async def test_that_a_phone_number_alone_makes_a_contact_of_the_workspaces_country(desk: Desk) -> None:
    text = "Name,Phone\nAda,06 12345678\nBo,+49 151 12345678\nCy,4915112345679\nDe,12\n"
    done = await desk.whole("a.csv", text.encode())

    assert counts(done) == (3, 0, 0, 1)
    found = await everybody(desk)
    assert [one.phone_numbers[0] for one in found] == ["+31612345678", "+4915112345678", "+4915112345679"]
    assert found[0].source is ContactSource.IMPORT


async def test_that_a_column_with_the_country_says_how_a_phone_number_is_read(desk: Desk) -> None:
    text = "Country,Phone\nGermany,0151 12345678\nBelgië,0470 12 34 56\n"
    await desk.whole("a.csv", text.encode())

    assert [one.phone_numbers[0] for one in await everybody(desk)] == ["+4915112345678", "+32470123456"]


async def test_that_an_existing_contact_is_updated_and_an_empty_cell_clears_nothing(desk: Desk) -> None:
    known = ContactCreate(first_name="Ada", emails=["ada@example.com"], company="Old", labels=["vip"])
    async with desk.db.transaction() as session:
        await contacts.create_contact(session, desk.workspace_id, known, source=ContactSource.MANUAL)
    rows = "Ada,ADA@example.com,06 12345678,,beurs\n,ada@example.com,,New,\n,ada@example.com,,New,\n"
    done = await desk.whole("a.csv", (HEADER + rows).encode())

    assert counts(done) == (0, 2, 1, 0)
    assert codes(done) == {"unchanged": 1}
    (ada,) = await everybody(desk)
    assert (ada.first_name, ada.company, ada.emails) == ("Ada", "New", ["ada@example.com"])
    assert [label.name for label in ada.labels] == ["beurs", "vip"]
    assert ada.phone_numbers == ["+31612345678"]
    assert ada.source is ContactSource.MANUAL


async def test_that_later_rows_of_a_person_can_be_skipped(desk: Desk) -> None:
    rows = "Ada,ada@example.com,,One,\nAda,Ada@Example.com,,Two,\nBo,bo@example.com,,Three,\n"
    done = await desk.whole("a.csv", (HEADER + rows).encode(), duplicates="skip")

    assert counts(done) == (2, 0, 1, 0)
    assert [one.company for one in await everybody(desk)] == ["One", "Three"]
    skipped = await desk.refused(done.id, RowOutcome.SKIPPED)
    assert skipped.splitlines()[1].endswith('"3","It has an e-mail address or phone number of row 2."')


async def test_that_a_row_about_two_contacts_is_refused(desk: Desk) -> None:
    rows = "Ada,ada@example.com,,,\nBo,,06 12345678,,\nWho,ada@example.com,06 12345678,,\n"
    done = await desk.whole("a.csv", (HEADER + rows).encode())

    assert counts(done) == (2, 0, 0, 1)
    assert codes(done) == {"matches_two": 1}


async def test_that_refused_rows_come_back_as_they_were_with_the_reason(desk: Desk) -> None:
    rows = '"=cmd, x",nobody,,,"a, b"\nBo,bo@example.com,,,\n'
    done = await desk.whole("a.csv", (HEADER + rows).encode("utf-8-sig"))

    lines = (await desk.refused(done.id)).splitlines()
    assert lines[0] == '\ufeff"First name","Email","Phone","Company","Labels","Row in the file","Reason"'
    assert lines[1].startswith('"\'=cmd, x","nobody","","","a, b","2","Email: “nobody” is no e-mail address')
    again = await desk.upload("again.csv", "\n".join(lines).encode())
    assert [one.target for one in again.suggestions] == ["first_name", "email", "phone", "company", "labels"]


async def test_that_custom_values_are_typed_and_a_bad_one_refuses_its_row(desk: Desk) -> None:
    await desk.define("budget", "Budget", PropertyType.NUMBER)
    await desk.define("since", "Since", PropertyType.DATE)
    await desk.define("plan", "Plan", PropertyType.CHOICE, ("Free", "Pro"))
    await desk.define("happy", "Happy", PropertyType.BOOLEAN)
    text = "Email;Budget;Since;Plan;Happy\na@example.com;1.250,50;25-03-2026;pro;ja\n"
    text += "b@example.com;much;1-3-2026;Gold;maybe\nc@example.com;3;1-3-2026;;\n"
    done = await desk.whole("a.csv", text.encode())

    assert counts(done) == (2, 0, 0, 1)
    first, second = await everybody(desk)
    assert first.properties == {"budget": 1250.5, "since": "2026-03-25", "plan": "Pro", "happy": True}
    assert second.properties == {"budget": 3, "since": "2026-03-01"}
    (refused,) = (await desk.refused(done.id)).splitlines()[1:]
    assert all(f"{name}: " in refused for name in ("Budget", "Plan", "Happy"))


async def test_that_a_new_property_is_made_by_the_commit_and_by_who_may(desk: Desk) -> None:
    made = await desk.upload("a.csv", b"Email,Shoe size\na@example.com,43\n")
    columns = [{"column": 0, "target": "email"}, {"column": 1, "target": "new", "type": "number"}]
    mapping = Mapping.model_validate({"columns": columns})
    await desk.map(made.id, mapping)
    await desk.check(made.id)
    done = await desk.commit(made.id)

    assert counts(done) == (1, 0, 0, 0)
    assert (await everybody(desk))[0].properties == {"shoe_size": 43}
    assert done.mapping is not None
    assert done.mapping.columns[1].target == "property:shoe_size"
    may_less = type(desk.who)(desk.who.id, desk.workspace_id, frozenset({Scope.CONTACTS_WRITE}))
    other = await desk.upload("a.csv", b"Email,Shoe size\na@example.com,43\n")
    async with desk.db.transaction() as session:
        with pytest.raises(AppError, match="settings:write"):
            await imports.set_mapping(session, may_less, other.id, mapping)


async def test_that_owners_are_named_by_their_address(desk: Desk) -> None:
    eva = f"eva@{desk.workspace_id}.example"
    text = f"Email,Owner\na@example.com,{eva.upper()}\nb@example.com,nobody@example.com\n"
    done = await desk.whole("a.csv", text.encode())

    assert counts(done) == (1, 0, 0, 1)
    assert codes(done) == {"unknown_owner": 1}
    assert (await everybody(desk))[0].owner_id == desk.who.id


BAD_MAPPINGS: list[tuple[list[dict[str, object]], str, str]] = [
    ([{"column": 9, "target": "email"}], "unknown_column", "columns.0.column"),
    (
        [{"column": 1, "target": "email"}, {"column": 1, "target": "phone"}],
        "duplicate_mapping",
        "columns.1.column",
    ),
    (
        [
            {"column": 1, "target": "email"},
            {"column": 0, "target": "company"},
            {"column": 3, "target": "company"},
        ],
        "duplicate_mapping",
        "columns.2.target",
    ),
    ([{"column": 1, "target": "property:nothing"}], "unknown_property", "columns.0.target"),
    ([{"column": 1, "target": "shoes"}], "unknown_target", "columns.0.target"),
    ([{"column": 0, "target": "first_name"}], "nothing_mapped", "columns"),
]


async def test_that_a_bad_mapping_is_refused_with_its_place(desk: Desk) -> None:
    made = await desk.upload("a.csv", (HEADER + "a,b@example.com,,,\n").encode())
    for columns, code, field in BAD_MAPPINGS:
        with pytest.raises(AppError) as refused:
            await desk.map(made.id, Mapping.model_validate({"columns": columns}))
        assert (refused.value.code, refused.value.members["field"]) == (code, field)
    with pytest.raises(AppError) as refused:
        await desk.map_as_suggested(made, region="XX")
    assert (refused.value.code, refused.value.members["field"]) == ("unknown_region", "region")
    with pytest.raises(AppError) as refused:
        await desk.check(made.id)
    assert refused.value.code == "no_mapping"


async def test_that_a_row_may_name_its_contact_by_the_id_alone(desk: Desk) -> None:
    made = await desk.upload("a.csv", b"Email,First name\nada@example.com,Ada\n")
    await desk.map_as_suggested(made)
    await desk.check(made.id)
    await desk.commit(made.id)
    async with desk.db.read() as session:
        known = (await session.execute(select(Contact.id))).scalar_one()
    rows = f"Contact ID,Labels\n{known},vip\n{known},\ncon_nobody,\n"
    again = await desk.upload("b.csv", rows.encode())
    await desk.map_as_suggested(again)
    tried = (await desk.check(again.id)).dry_run
    assert tried is not None
    assert counts(tried) == (0, 1, 1, 1)
    assert {one.code for one in tried.reasons} == {"unchanged", "no_address"}


def bomb() -> bytes:
    """A small file that unpacks to more than a workbook may."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("xl/workbook.xml", bytes(MAX_UNPACKED_BYTES + 1))
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.pdf", b"%PDF-", "unsupported_type"),
        ("a.csv", b"", "no_rows"),
        ("a.csv", b"Email,Phone\n", "no_rows"),
        ("a.csv", b"ada@example.com,06 12345678\nbo@example.com,06 12345679\n", "no_header"),
        ("a.csv", b"a," * 1_000_000 + b"\n" + b"1," * 1_000_000, "too_many_columns"),
        ("a.csv", b"Email\n" + b"x\n" * 1000, "too_many_rows"),
        ("a.xlsx", b"PK\x03\x04 nothing", "corrupt"),
        ("a.csv", bytes(range(256)) * 40, "corrupt"),
        ("a.xlsx", bytes.fromhex("d0cf11e0a1b11ae1") + "EncryptedPackage".encode("utf-16-le"), "encrypted"),
        ("a.xlsx", bomb(), "too_large"),
        ("a.ods", bomb(), "too_large"),
        ("a.csv", b"Email\n" + b"x" * (20 * 1024 * 1024), "too_large"),
    ],
    ids=[
        "pdf",
        "empty",
        "only a header",
        "no header",
        "columns",
        "rows",
        "broken",
        "binary",
        "locked",
        "bomb",
        "ods",
        "big",
    ],
)
async def test_that_what_is_no_table_of_contacts_is_refused_by_name(
    desk: Desk, name: str, content: bytes, code: str
) -> None:
    with pytest.raises(AppError) as refused:
        await desk.upload(name, content)
    assert refused.value.code == code


async def test_that_a_commit_that_is_cut_off_goes_on_without_doing_a_row_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "BATCH", 10)
    rows = "".join(f"P{i},p{i % 90}@example.com,,C{i},\n" for i in range(100))
    made = await desk.upload("a.csv", (HEADER + rows).encode())
    await desk.map_as_suggested(made)
    await desk.check(made.id)
    async with desk.db.transaction() as session:
        await imports.commit(session, desk.who, made.id)
    for _ in range(30):
        if (await desk.get(made.id)).state is ImportState.DONE:
            break
        task = asyncio.create_task(run.commit(desk.db, made.id))
        await asyncio.sleep(0.12)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    await run.commit(desk.db, made.id)

    done = await desk.get(made.id)
    assert done.state is ImportState.DONE
    assert counts(done) == (90, 10, 0, 0)
    assert done.summary is not None
    assert done.summary.duplicates == 10
    assert len(await everybody(desk)) == 90


async def test_that_the_dry_run_says_in_which_country_numbers_without_one_are(desk: Desk) -> None:
    made = await desk.upload("a.csv", b"Phone\n11 96123-1234\n")
    await desk.map_as_suggested(made, region="BR")
    tried = (await desk.check(made.id)).dry_run
    assert tried is not None
    assert (tried.region, counts(tried)) == ("BR", (1, 0, 0, 0))


async def test_that_the_dry_run_is_void_when_the_mapping_changes(desk: Desk) -> None:
    made = await desk.upload("a.csv", (HEADER + "a,b@example.com,,,\n").encode())
    await desk.map_as_suggested(made)
    checked = await desk.check(made.id)
    assert checked.dry_run is not None
    assert [one.outcome for one in checked.dry_run.first_rows] == [RowOutcome.CREATED]
    assert (await desk.map_as_suggested(made)).dry_run is None
    with pytest.raises(AppError) as refused:
        await desk.commit(made.id)
    assert refused.value.code == "wrong_import_state"


async def test_that_rows_of_another_workspace_are_not_there(desk: Desk, pool: ReaderPool) -> None:
    made = await desk.upload("a.csv", (HEADER + "a,b@example.com,,,\n").encode())
    stranger = await make_desk(desk.db, pool)
    with pytest.raises(AppError) as refused:
        await stranger.get(made.id)
    assert refused.value.code == "import_not_found"


async def test_that_a_commit_waits_for_nobody_who_was_changed_meanwhile(desk: Desk) -> None:
    made = await desk.upload("a.csv", (HEADER + "Ada,ada@example.com,,New,\n").encode())
    await desk.map_as_suggested(made)
    await desk.check(made.id)
    known = ContactCreate(emails=["ada@example.com"])
    async with desk.db.transaction() as session:
        ada = await contacts.create_contact(session, desk.workspace_id, known, source=ContactSource.API)
        update = ContactUpdate(properties={})
        await contacts.update_contact(session, desk.workspace_id, ada.id, update)
    done = await desk.commit(made.id)

    assert counts(done) == (0, 1, 0, 0)
    assert json.loads(json.dumps(codes(done))) == {}


async def test_that_an_import_is_undone_except_for_whom_was_needed_since(
    desk: Desk, pool: ReaderPool, clock: ManualClock
) -> None:
    async with desk.db.transaction() as session:
        known = ContactCreate(first_name="Old", emails=["old@example.com"])
        await contacts.create_contact(session, desk.workspace_id, known, source=ContactSource.MANUAL)
    rows = "Old,old@example.com,,Acme,\n" + "".join(
        f"{name},{name}@example.com,+3161234567{n},,\n" for n, name in enumerate(("Ada", "Bo", "Cy", "De"))
    )
    done = await desk.whole("a.csv", (HEADER + rows + "Ada,ada@example.com,,Later,\n").encode())
    old, ada, bo, cy, de = (one.id for one in await everybody(desk))
    clock.advance(timedelta(days=1))
    account = ChannelAccountCreate(name="Site")
    async with desk.db.transaction() as session:
        await contacts.update_contact(session, desk.workspace_id, bo, ContactUpdate(job_title="Baker"))
        await lists.change_labels(session, desk.who, LabelsChange(contact_ids=[cy], add=["vip"]))
        site = await channels.create_account(session, desk.workspace_id, account)
        event = replace(said(site, "Hi", visitor="3", key="1"), phone="+31612345673")
        await inbox.record(session, site, event)
    stranger = await make_desk(desk.db, pool)
    async with desk.db.transaction() as session:
        with pytest.raises(ImportNotFound):
            await imports.undo(session, stranger.workspace_id, done.id)
        undone = await imports.undo(session, desk.workspace_id, done.id)
        with pytest.raises(WrongState):
            await imports.undo(session, desk.workspace_id, done.id)
    assert undone == ImportUndone(binned=1, kept=3, updated=1)
    assert [one.id for one in await everybody(desk)] == [old, bo, cy, de]
    assert (await desk.get(done.id)).state is ImportState.UNDONE
    async with desk.db.transaction() as session:
        back = await contacts.restore_contact(session, desk.workspace_id, ada)
    assert (back.company, back.emails) == ("Later", ["Ada@example.com"])


async def test_that_whoever_is_needed_while_an_import_goes_on_is_kept_when_it_is_undone(
    desk: Desk, clock: ManualClock
) -> None:
    rows = "Ada,ada@example.com,,,\nBo,bo@example.com,,,\n"
    done = await desk.whole("a.csv", (HEADER + rows).encode())
    bo = (await everybody(desk))[1].id
    clock.advance(timedelta(seconds=1))
    async with desk.db.transaction() as session:
        await contacts.update_contact(session, desk.workspace_id, bo, ContactUpdate(job_title="Baker"))
    clock.advance(timedelta(seconds=1))
    async with desk.db.transaction() as session:
        found = await session.get(ContactImport, done.id)
        assert found is not None
        found.finished_at = clock.now()  # as when other rows took until now
    async with desk.db.transaction() as session:
        undone = await imports.undo(session, desk.workspace_id, done.id)
    assert undone == ImportUndone(binned=1, kept=1, updated=0)
    assert [one.id for one in await everybody(desk)] == [bo]


async def test_that_an_import_is_undone_for_thirty_days(desk: Desk, clock: ManualClock) -> None:
    done = await desk.whole("a.csv", (HEADER + "Ada,ada@example.com,,,\n").encode())
    clock.advance(timedelta(days=30))
    async with desk.db.transaction() as session:
        with pytest.raises(TooLateToRestore):
            await imports.undo(session, desk.workspace_id, done.id)
    assert len(await everybody(desk)) == 1
