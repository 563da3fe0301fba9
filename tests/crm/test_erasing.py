"""One person is erased: nothing of theirs is left anywhere, nothing of others is gone."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from agentflow.bootstrap import load_tables
from agentflow.care import erasing, exporting, repository
from agentflow.care.backup import backup
from agentflow.care.restore import restore
from agentflow.care.schemas import ErasureRead
from agentflow.kit.clock import ManualClock
from agentflow.kit.db import Base, Database, now
from agentflow.kit.errors import NotFound, Unavailable
from agentflow.kit.events import publish
from agentflow.kit.files import LocalFiles
from agentflow.kit.settings import Settings
from crm.contacts import service as contacts
from crm.contacts.media import service as media
from crm.contacts.merging import service as merging
from crm.contacts.notes import service as notes
from crm.contacts.notes.schemas import ContactNoteWrite
from crm.contacts.schemas import ContactCreate, ContactSource, ContactUpdate
from crm.contacts.usage import service as usage
from crm.teams.service import Principal
from tests.talk import Talk, make_talk

QUESTION = 'Where is the "blue" lamp that I ordered for my mother in Zürich?'
SECRETS = ("ines.garcia@example.com", "+34 612 345 678", "612345678", "quintanilla", "vis_ines_1", "zürich")


def say_nothing(_what: str, _done: int, _total: int | None) -> None:
    """Nobody looks."""


@dataclass
class Shop:
    """Ines, who will be erased, and Otto, who stays."""

    talk: Talk
    files: LocalFiles
    who: Principal
    ines: str
    otto: str

    async def erase(self, contact_id: str) -> ErasureRead:
        """Ask for it as a route does, and run the job."""
        db = self.talk.db
        async with db.transaction() as session:
            asked = await erasing.request(
                session, self.who.workspace_id, contact_id, requested_by=self.who.id
            )
        assert asked.state == "queued"
        await erasing.erase(db, self.files, asked.id)
        async with db.read() as session:
            return await erasing.get(session, self.who.workspace_id, asked.id)


@pytest.fixture
async def shop(db: Database, settings: Settings) -> Shop:
    load_tables()
    talk = await make_talk(db)
    files = LocalFiles(settings.home / "files")
    who = Principal(talk.staff.id, talk.workspace_id, frozenset(), talk.staff.id)
    people = []
    for visitor, text in (("vis_ines_1", QUESTION), ("vis_otto_1", "When do you open on a Sunday morning?")):
        said = await talk.say(text, visitor=visitor)
        await talk.answer(said)
        people.append((await talk.conversation(said.conversation_id)).contact_id)
    ines, otto = people
    async with db.transaction() as session:
        data = {
            "first_name": "Inés",
            "last_name": "Quintanilla",
            "emails": ["ines.garcia@example.com"],
            "phones": ["+34 612 345 678"],
            "labels": ["vip"],
        }
        await contacts.update_contact(session, talk.workspace_id, ines, ContactUpdate.model_validate(data))
        named = ContactUpdate.model_validate({"first_name": "Otto", "emails": ["otto@example.com"]})
        await contacts.update_contact(session, talk.workspace_id, otto, named)
        for one in (ines, otto):
            await notes.add_note(session, who, one, ContactNoteWrite(text=f"A note on {one}, quite long"))
        publish(session, talk.workspace_id, stream="others", kind="told", payload={"contact_id": ines})
    for one in (ines, otto):
        await media.add_file(db, files, who, one, name="letter.txt", content=b"Dear Ines Quintanilla, hello")
    made = Shop(talk, files, who, ines, otto)
    await ask_in_vain(made)
    return made


async def ask_in_vain(shop: Shop) -> None:
    """A question without an answer, alone in its group, and a stored answer of the API."""
    db, at = shop.talk.db, shop.talk.db.clock.now()
    tables = Base.metadata.tables
    async with db.read() as session:
        who = await repository.find_person(session, shop.who.workspace_id, [shop.ines])
    assert who is not None
    base = {"workspace_id": who.workspace_id, "name": "Shop", "generation": 1, "created_at": at}
    async with db.transaction() as session:
        needed = {column.name for column in tables["knowledge_bases"].columns}
        await session.execute(
            insert(tables["knowledge_bases"]),
            [
                {
                    key: value
                    for key, value in (base | {"id": "kb_1", "updated_at": at}).items()
                    if key in needed
                }
            ],
        )
        of_base = {"workspace_id": who.workspace_id, "knowledge_base_id": "kb_1"}
        gap = {"id": "gap_1", "state": "open", "draft_question": QUESTION, "created_at": at}
        await session.execute(insert(tables["knowledge_gaps"]), [of_base | gap | {"checked_generation": 0}])
        asked = {
            "id": "unq_1",
            "agent_id": "agt_1",
            "conversation_id": who.conversations[0],
            "gap_id": "gap_1",
        }
        said = {"question": QUESTION, "language": "en", "known": False, "vector": b"1234", "asked_at": at}
        await session.execute(insert(tables["unanswered_questions"]), [of_base | asked | said])
        body = json.dumps({"email": SECRETS[0]})
        await session.execute(insert(tables["contact_imports"]), [import_of(who.workspace_id, at)])
        cells = [["B", "Inés Quintanilla"], ["C", "612 345 678"]]
        batch = {"import_id": "imp_1", "number": 0, "workspace_id": who.workspace_id, "row_count": 2}
        batch["rows"] = json.dumps([[2, cells], [3, [["B", "Otto"]]]])
        batch["refused"] = json.dumps(
            [[5, "failed", "B", "no", cells], [6, "failed", "B", "no", [["B", "Otto"]]]]
        )
        await session.execute(insert(tables["contact_import_batches"]), [batch])
        stored = {"key": "k", "request_hash": "h", "status": 201, "body": body, "created_at": now(session)}
        await session.execute(
            insert(tables["idempotency_keys"]), [stored | {"workspace_id": who.workspace_id}]
        )


def import_of(workspace_id: str, at: datetime) -> dict[str, object]:
    """An import that still waits."""
    columns = [{"column": 1, "header": "Mail", "samples": [SECRETS[0], "otto@example.com"]}]
    return {
        "id": "imp_1",
        "workspace_id": workspace_id,
        "created_by": "stf_1",
        "state": "mapped",
        "filename": "people.csv",
        "sheet": "people",
        "sheets": "[]",
        "header_row": 1,
        "hidden_rows": 0,
        "row_count": 2,
        "columns": json.dumps(columns),
        "revision": 1,
        "checked_rows": 0,
        "dry_run": json.dumps({"first_rows": [{"row": 2, "values": {"email": SECRETS[0]}}, {"row": 3}]}),
        "created_at": at,
    }


async def everything(db: Database) -> dict[str, list[str]]:
    """Every row of every table, decrypted, as text."""
    found = {}
    async with db.read() as session:
        for name, table in Base.metadata.tables.items():
            rows = (await session.execute(select(table))).all()
            found[name] = ["|".join(str(value) for value in row).casefold() for row in rows]
    return found


def hits(rows: dict[str, list[str]], *needles: str) -> set[str]:
    return {name for name, texts in rows.items() if any(needle in one for one in texts for needle in needles)}


async def test_that_nothing_of_an_erased_person_is_left_and_nothing_of_another_is_gone(shop: Shop) -> None:
    db = shop.talk.db
    before = await everything(db)
    assert hits(before, *SECRETS) >= {
        "contacts",
        "contact_addresses",
        "contact_identities",
        "conversations",
        "messages",
        "outbox",
        "events",
        "unanswered_questions",
        "knowledge_gaps",
        "idempotency_keys",
    }
    report = await shop.erase(shop.ines)
    assert (report.state, report.left, [one.store for one in report.stores if one.left or one.alike]) == (
        "done",
        0,
        ["files"],  # the letter with Otto holds her name
    )
    after = await everything(db)
    assert hits(after, *SECRETS) == set()
    assert hits(after, shop.ines) == {"erasures"}
    (held,) = after["contact_imports"]
    assert '"samples": ["otto@example.com"]' in held
    assert '{"first_rows": [{"row": 3}]}' in held
    (batch,) = after["contact_import_batches"]
    assert '[[2, []], [3, [["b", "otto"]]]]|[[6, "failed", "b", "no", [["b", "otto"]]]]' in batch
    erased = {one.store: one.erased for one in report.stores}
    assert erased["messages"] == 2
    assert erased["conversation_words"] > 5
    assert erased["files"] == erased["contact_files"] == erased["knowledge_gaps"] == 1
    assert {one.store for one in report.stores} == {*Base.metadata.tables, "files", "job inputs"}
    for name, rows in before.items():
        if name not in ("erasures", "events", "event_cursors"):
            kept = [row for row in rows if shop.otto in row]
            assert [row for row in after[name] if shop.otto in row] == kept, name
    assert len(await shop.files.keys("erasures")) == 1
    with pytest.raises(NotFound):
        await shop.erase(shop.ines)
    await erasing.erase(db, shop.files, report.id)  # the job may run twice
    async with db.read() as session:
        assert await erasing.get(session, shop.who.workspace_id, report.id) == report


async def test_that_the_bin_of_contacts_is_emptied_after_thirty_days(shop: Shop, clock: ManualClock) -> None:
    db, workspace_id = shop.talk.db, shop.who.workspace_id
    async with db.transaction() as session:
        maria = await contacts.create_contact(
            session, workspace_id, ContactCreate(first_name="Maria"), source=ContactSource.MANUAL
        )
        for one in (shop.ines, maria.id):
            await contacts.delete_contact(session, workspace_id, one)
    clock.advance(timedelta(days=30, seconds=-1))
    before = await everything(db)
    await erasing.empty_bin(db, shop.files)
    assert await everything(db) == before
    async with db.transaction() as session:
        await contacts.restore_contact(session, workspace_id, maria.id)
    clock.advance(timedelta(seconds=2))
    await erasing.empty_bin(db, shop.files)
    after = await everything(db)
    assert len(await shop.files.keys(media.FOLDER)) == 1
    gone = {"contacts", "contact_addresses", "contact_files", "contact_notes", "conversations", "messages"}
    assert hits(before, shop.ines) >= {"contacts", "contact_files", "contact_notes"}
    assert not gone & hits(after, shop.ines, *SECRETS)
    assert hits(after, maria.id) >= {"contacts"}
    for name in gone:
        kept = [row for row in before[name] if shop.otto in row]
        assert [row for row in after[name] if shop.otto in row] == kept, name


async def test_that_a_month_counts_on_who_was_active_in_it_and_is_erased(
    shop: Shop, clock: ManualClock
) -> None:
    async def counts() -> list[int]:
        async with shop.talk.db.read() as session:
            return [
                (await usage.monthly_active_contacts(session, shop.who.workspace_id, month)).active
                for month in ("2026-03", "2026-04")
            ]

    anna = await shop.talk.say("I am Anna", visitor="vis_anna_1")
    anna_id = (await shop.talk.conversation(anna.conversation_id)).contact_id
    clock.advance(timedelta(days=31))
    for visitor in ("vis_ines_1", "vis_anna_1"):
        await shop.talk.say("Hello again", visitor=visitor)
    async with shop.talk.db.transaction() as session:
        await merging.merge(session, shop.who, shop.ines, anna_id)  # one person, active in both months
    assert await counts() == [2, 1]
    await shop.erase(shop.ines)
    assert await counts() == [2, 1]
    async with shop.talk.db.transaction() as session:
        await contacts.delete_contact(session, shop.who.workspace_id, shop.otto)
    clock.advance(timedelta(days=31))
    await erasing.empty_bin(shop.talk.db, shop.files)
    assert hits(await everything(shop.talk.db), shop.otto, shop.ines, anna_id) == {"erasures"}
    assert await counts() == [2, 1]


async def test_that_a_merged_contact_stays_in_the_bin_as_long_as_the_other_lives(
    shop: Shop, clock: ManualClock
) -> None:
    db, workspace_id = shop.talk.db, shop.who.workspace_id
    async with db.transaction() as session:
        await merging.merge(session, shop.who, shop.otto, shop.ines)
    clock.advance(timedelta(days=31))
    await erasing.empty_bin(db, shop.files)
    async with db.transaction() as session:
        assert await repository.find_person(session, workspace_id, [shop.ines]) is not None
        await contacts.delete_contact(session, workspace_id, shop.otto)
    clock.advance(timedelta(days=31))
    await erasing.empty_bin(db, shop.files)
    async with db.read() as session:
        assert await repository.find_person(session, workspace_id, [shop.ines, shop.otto]) is None
    assert await shop.files.keys(media.FOLDER) == []


class Refusing(LocalFiles):
    """A store that is away when a file is to be deleted."""

    async def delete(self, key: str) -> bool:
        raise Unavailable("The file store does not answer.")


async def test_that_a_run_that_broke_off_is_taken_up_with_what_it_looked_for(shop: Shop) -> None:
    db = shop.talk.db
    async with db.transaction() as session:
        asked = await erasing.request(session, shop.who.workspace_id, shop.ines, requested_by="stf_1")
    with pytest.raises(Unavailable):
        await erasing.erase(db, Refusing(shop.files.folder), asked.id)
    await erasing.erase(db, shop.files, asked.id)
    async with db.read() as session:
        report = await erasing.get(session, shop.who.workspace_id, asked.id)
    erased = {one.store: one.erased for one in report.stores}
    assert (report.left, erased["messages"], erased["contacts"], erased["files"]) == (0, 2, 1, 1)
    assert hits(await everything(db), *SECRETS) == set()


async def test_that_another_workspace_erases_and_sees_nothing(shop: Shop) -> None:
    async with shop.talk.db.transaction() as session:
        with pytest.raises(NotFound):
            await erasing.request(session, "wsp_other", shop.ines, requested_by="stf_1")
        with pytest.raises(NotFound):
            await exporting.of_contact(session, "wsp_other", shop.ines)
    report = await shop.erase(shop.otto)
    async with shop.talk.db.read() as session:
        with pytest.raises(NotFound):
            await erasing.get(session, "wsp_other", report.id)
        assert await erasing.list_erasures(session, "wsp_other", before=None, limit=10) == []


async def test_that_a_restored_back_up_is_erased_from_again(
    shop: Shop, settings: Settings, tmp_path: Path
) -> None:
    db = shop.talk.db
    await backup(db, shop.files, tmp_path / "old.zip", say_nothing)
    report = await shop.erase(shop.ines)
    assert [one.file for one in report.backups] == ["old.zip"]
    await db.close()
    await restore(settings, shop.files, tmp_path / "old.zip", say_nothing, force=True)
    restored = Database(settings)
    assert hits(await everything(restored), SECRETS[0]) != set()
    assert await erasing.repeat(restored, shop.files) == 1
    assert hits(await everything(restored), *SECRETS) == set()
    assert await erasing.repeat(restored, shop.files) == 0
    assert len(await shop.files.keys("contact-files")) + len(await shop.files.keys("media")) <= 1
    await restored.close()


async def test_that_everything_is_exported_and_an_erasure_takes_the_export_away(shop: Shop) -> None:
    db, workspace_id = shop.talk.db, shop.who.workspace_id
    async with db.transaction() as session:
        asked = await exporting.request(session, workspace_id, requested_by="stf_1")
    await exporting.write(db, shop.files, asked.id)
    async with db.read() as session:
        done = await exporting.get(session, workspace_id, asked.id)
        key, contacts = await exporting.file_of(session, workspace_id, asked.id)
        own = await exporting.of_contact(session, workspace_id, shop.ines)
        with pytest.raises(NotFound):
            await exporting.get(session, "wsp_other", asked.id)
    assert (done.state, done.rows["contacts"], done.rows["messages"], contacts) == ("ready", 2, 4, 2)
    with zipfile.ZipFile(io.BytesIO(await shop.files.get(key))) as archive:
        lines = archive.read("messages.jsonl").decode().splitlines()
        assert QUESTION in [json.loads(line)["text"] for line in lines]
        assert len(archive.read("contacts.jsonl").splitlines()) == 2
        letters = [name for name in archive.namelist() if name.startswith("files/")]
        assert [archive.read(name) for name in letters] == [b"Dear Ines Quintanilla, hello"] * 2
    assert [one["value"] for one in own["contact_addresses"]][0] == SECRETS[0]
    assert [one["text"] for one in own["messages"]][0] == QUESTION
    assert [one["name"] for one in own["labels"]] == ["vip"]
    assert not {"contact_notes", "contact_reminders", "conversation_notes"} & set(own)
    await shop.erase(shop.ines)
    assert await shop.files.keys("exports") == []


def test_that_no_table_with_a_person_in_it_is_forgotten() -> None:
    load_tables()
    marks = ("contact", "conversation", "message", "stream")
    fine = {
        "contacts",  # its own rows
        *repository.IDS_ONLY,
    }
    covered = set(repository.tables_of_people()) | fine
    pointing = {
        name
        for name, table in Base.metadata.tables.items()
        for column in table.columns
        if column.name.endswith("_id")
        and any(mark in column.name for mark in marks)
        or any(key.target_fullname in ("contacts.id", "conversations.id") for key in column.foreign_keys)
    }
    assert pointing - covered == set(), "let care/repository.owner_of know the column"
    assert covered >= {
        "messages",
        "outbox",
        "widget_deliveries",
        "contact_notes",
        "conversation_words",
        "events",
    }
