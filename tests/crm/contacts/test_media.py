"""Files of contacts: their bytes decide what they are; the bin gives them back, later nothing stays."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agentflow.kit.clock import ManualClock
from agentflow.kit.errors import NotFound, TooLarge
from agentflow.kit.files import LocalFiles
from agentflow.kit.settings import Settings
from crm.contacts import keeping
from crm.contacts.errors import ContactNotFound
from crm.contacts.media import service as media
from crm.contacts.media.errors import BadFile, FileNotFound, KindNotKept
from crm.contacts.media.models import ContactFile
from crm.contacts.media.schemas import MAX_FILE_BYTES
from crm.contacts.media.sniffing import kind_of
from tests.crm.contacts.records import log_of, new_contact, staff_of
from tests.talk import Talk, make_talk

PDF = b"%PDF-1.7\n"


@pytest.fixture
def files(settings: Settings) -> LocalFiles:
    return LocalFiles(settings.home / "files")


async def add(talk: Talk, files: LocalFiles, contact_id: str, name: str, content: bytes) -> ContactFile:
    return await media.add_file(talk.db, files, staff_of(talk), contact_id, name=name, content=content)


async def names(talk: Talk, contact_id: str, *, deleted: bool = False) -> list[str]:
    async with talk.db.read() as session:
        found = await media.list_files(session, talk.workspace_id, contact_id, deleted=deleted, limit=9)
    return [file.name for file in found]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PDF, "application/pdf"),
        (b"\x89PNG\r\n\x1a\nrest", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (
            b"PK\x03\x04....xl/workbook.xml",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ),
        ("Grüße,\r\nAda".encode(), "text/plain"),
        (b"a;b\n1;2\n", "text/plain"),
    ],
)
def test_that_the_bytes_say_what_a_file_is(content: bytes, kind: str) -> None:
    assert kind_of(content) == kind


@pytest.mark.parametrize(
    "content",
    [
        b"<!DOCTYPE html><script>alert(1)</script>",
        b"  \n<svg onload=alert(1)>",
        b"\xef\xbb\xbf<?xml version='1.0'?>",
        b"#!/bin/sh\n",
        b"MZ\x90\x00",
        b"\x7fELF",
        b"PK\x03\x04plain archive",
        b"\x00\x01",
        b"\xff\xfe\x00",
    ],
)
def test_that_what_a_browser_or_machine_might_run_is_not_kept(content: bytes) -> None:
    with pytest.raises(KindNotKept):
        kind_of(content)


async def test_that_a_file_is_kept_listed_opened_deleted_and_restored(
    talk: Talk, files: LocalFiles, clock: ManualClock
) -> None:
    maria, pedro = await new_contact(talk), await new_contact(talk, "Pedro")
    file = await add(talk, files, maria, "C:\\temp\\../Rechnung für\n Maria.pdf", PDF)
    await add(talk, files, maria, "later.txt", b"Later.")
    assert await names(talk, maria) == ["later.txt", "Rechnung für Maria.pdf"]
    opened = await media.open_file(talk.db, files, talk.workspace_id, maria, file.id)
    assert (opened.content, opened.content_type) == (PDF, "application/pdf")
    async with talk.db.transaction() as session:
        await media.delete_file(session, staff_of(talk), maria, file.id)
    with pytest.raises(FileNotFound):
        await media.open_file(talk.db, files, talk.workspace_id, maria, file.id)
    with pytest.raises(FileNotFound):
        await media.open_file(talk.db, files, talk.workspace_id, pedro, file.id)
    async with talk.db.transaction() as session:
        await media.restore_file(session, staff_of(talk), maria, file.id)
    assert len(await names(talk, maria)) == 2
    async with talk.db.transaction() as session:
        await media.delete_file(session, staff_of(talk), maria, file.id)
    clock.advance(timedelta(days=31))
    await keeping.purge(talk.db, files)
    assert await names(talk, maria, deleted=True) == []
    with pytest.raises(NotFound):
        await files.get(file.file_key)
    assert [line.kind.value for line in await log_of(talk, maria)].count("file_added") == 2


async def test_that_a_file_too_large_empty_or_without_a_name_is_refused(
    talk: Talk, files: LocalFiles
) -> None:
    maria = await new_contact(talk)
    for name, content, refusal in (
        ("big.pdf", PDF + bytes(MAX_FILE_BYTES), TooLarge),
        ("empty.pdf", b"", BadFile),
        ("\n/", PDF, BadFile),
        ("page.txt", b"<html>", KindNotKept),
    ):
        with pytest.raises(refusal):
            await add(talk, files, maria, name, content)
    stranger = await make_talk(talk.db)
    with pytest.raises(ContactNotFound):
        await add(stranger, files, maria, "a.pdf", PDF)
    assert not list(files.folder.rglob("fil_*"))
