"""A conversation as a file: who said what and when, in cells that no spreadsheet runs."""

from __future__ import annotations

import csv
import io

import pytest

from crm.inbox import service as inbox
from crm.inbox import transcript
from crm.inbox.errors import ConversationNotFound
from tests.talk import Talk, make_talk


async def rows(talk: Talk, conversation_id: str) -> list[list[str]]:
    parts = [
        part async for part in await transcript.messages_csv(talk.db, talk.workspace_id, conversation_id)
    ]
    return list(csv.reader(io.StringIO("".join(parts).removeprefix("\ufeff"))))


async def test_that_a_file_holds_every_message_and_who_wrote_it(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcript, "_PAGE", 2)
    said = await talk.say('=HYPERLINK("http://evil.example")\n"Hello", she said')
    await talk.answer(said)
    await inbox.take_over(talk.db, talk.staff, said.conversation_id)
    async with talk.db.transaction() as session:
        await inbox.reply_as_staff(session, talk.staff, said.conversation_id, "Ada here")
    headers, *found = await rows(talk, said.conversation_id)
    assert headers == ["Number", "Time", "From", "Name", "Text", "Status"]
    assert [(one[0], one[2], one[3]) for one in found] == [
        ("1", "contact", ""),
        ("2", "agent", ""),
        ("3", "system", ""),
        ("4", "staff", "Ada"),
    ]
    assert found[0][4] == '\'=HYPERLINK("http://evil.example")\n"Hello", she said'
    assert (found[3][4], found[3][1]) == ("Ada here", talk.db.clock.now().isoformat())


async def test_that_another_workspaces_conversation_is_not_found(talk: Talk) -> None:
    said = await talk.say()
    stranger = await make_talk(talk.db)
    with pytest.raises(ConversationNotFound):
        await rows(stranger, said.conversation_id)
