"""Search finds what was said though it is stored encrypted, and its index gives no word away."""

from __future__ import annotations

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from agentflow.kit.db import Database
from agentflow.kit.errors import InvalidInput
from agentflow.kit.pagination import BadCursor
from agentflow.kit.settings import Settings
from crm.contacts import service as contacts
from crm.contacts.labels import service as labels
from crm.contacts.schemas import ContactUpdate
from crm.inbox import service as inbox
from crm.inbox.models import Conversation
from crm.inbox.schemas import ConversationFilter
from crm.inbox.search import repository
from crm.inbox.search import service as search
from crm.inbox.search.schemas import ConversationSearch, Found
from crm.inbox.words import indexing
from crm.inbox.words.models import ConversationWord
from crm.inbox.words.text import hash_of, words_of
from tests.conftest import TEST_KEY
from tests.talk import Talk, make_talk

OTHER_KEY = "YW5vdGhlci1rZXktb25seS1mb3ItdGVzdHMtMDAwMDA="


async def ask(talk: Talk, query: str, *, db: Database | None = None) -> list[Found]:
    async with (db or talk.db).read() as session:
        wanted = ConversationSearch(query=query)
        return (await search.search(session, talk.workspace_id, wanted, staff_id=None)).items


async def found(talk: Talk, query: str, *, db: Database | None = None) -> list[str]:
    return [one.id for one in await ask(talk, query, db=db)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, HELLO  world!", ["hello", "world"]),
        ("ﬁne Straße １２", ["fine", "strasse", "12"]),
        ("退货政策", ["退货", "货政", "政策"]),
        ("ฉันรัก 好", ["ฉั", "ัน", "นร", "รั", "ัก", "好"]),
        ("ada@harbour.example", ["ada", "harbour", "example"]),
        ("?! …", []),
        ("a" * 100, ["a" * 64]),
    ],
)
def test_that_a_text_is_cut_into_folded_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize("few", [0, 1000], ids=["common words", "rare words"])
async def test_that_every_word_must_stand_in_the_conversation(
    talk: Talk, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "_FEW", few)
    first = await talk.say("My parcel to Utrecht is late")
    here = first.conversation_id
    await talk.say("The PARCEL number is 4711", visitor="vis_1")
    there = (await talk.say("A parcel for Haarlem", visitor="vis_2")).conversation_id

    assert await found(talk, "parcel") == [there, here], "the newest first"
    assert await found(talk, "Utrecht 4711") == [here]
    assert await found(talk, "utrecht haarlem") == []
    assert await found(talk, "parc") == []
    [hit] = await ask(talk, "Utrecht 4711")
    assert hit.message_seq == 2
    await talk.answer(await talk.say("Where is it?"))
    assert await found(talk, "open") == [here], "what the agent said counts as well"


async def test_that_what_is_known_of_the_contact_counts_with_what_was_said(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = await talk.say("Where is my parcel?")
    contact_id = (await talk.conversation(recorded.conversation_id)).contact_id
    async with talk.db.transaction() as session:
        known = ContactUpdate(
            first_name="Grace",
            last_name="Hopper",
            company="Navy Yard",
            emails=["grace@cobol.example"],
            phones=["+31 20 123 4567"],
            labels=["hotlead"],
        )
        await contacts.update_contact(session, talk.workspace_id, contact_id, known)
        [label] = await labels.list_labels(session, talk.workspace_id, deleted=False, after=None, limit=5)
    await talk.say("Nobody in particular", visitor="vis_2")
    for few in (0, 1000):  # words are common, and rare
        monkeypatch.setattr(repository, "_FEW", few)
        for query in ("hopper parcel", "opp", "HOTLEAD", "lead", "cob", "parcel navy grac", "1201234"):
            assert await found(talk, query) == [recorded.conversation_id], query
        for query in ("hopper lost", "hopper nobody", "99999"):
            assert await found(talk, query) == [], query
    for label_id, expected in ((label.id, [recorded.conversation_id]), ("lbl_none", [])):
        async with talk.db.read() as session:
            wanted = ConversationFilter(label_id=label_id)
            listed = await inbox.list_conversations(session, talk.workspace_id, wanted, limit=5)
        assert [one.id for one in listed] == expected


async def test_that_another_workspace_finds_nothing_and_has_other_hashes(talk: Talk) -> None:
    await talk.say("Where is my parcel?")
    stranger = await make_talk(talk.db)
    await stranger.say("Where is my parcel?")
    async with talk.db.read() as session:
        rows = (await session.execute(select(ConversationWord.workspace_id, ConversationWord.word))).all()
    ours = {row[1] for row in rows if row[0] == talk.workspace_id}
    theirs = {row[1] for row in rows if row[0] != talk.workspace_id}
    assert len(ours) == len(theirs) == 4
    assert not ours & theirs
    assert len(await found(talk, "parcel")) == 1


async def test_that_a_leaked_index_shows_no_words(talk: Talk) -> None:
    """Neither as text, nor to somebody who hashes a dictionary without the key."""
    await talk.say("swordfish")
    async with talk.db.read() as session:
        connection = await session.connection()
        rows = (await connection.exec_driver_sql("SELECT * FROM conversation_words")).all()
        [word] = (await session.execute(select(ConversationWord.word))).scalars()
    assert "swordfish" not in repr(rows)
    for key in (b"", b"swordfish", TEST_KEY.encode()):
        assert hash_of(key, talk.workspace_id, "swordfish") != word


async def test_that_older_messages_and_those_under_another_key_are_filled_in(
    talk: Talk, settings: Settings
) -> None:
    here = (await talk.say("swordfish")).conversation_id
    async with talk.db.transaction() as session:
        await indexing.forget(session, talk.workspace_id, [here])
        await session.execute(update(Conversation).values(search_key=None))
    await talk.say("mackerel")
    assert await found(talk, "mackerel") == [], "not by halves"
    await indexing.sweep(talk.db)
    assert await found(talk, "mackerel swordfish") == [here]

    keys = SecretStr(f"{OTHER_KEY},{TEST_KEY}")
    rotated = Database(settings.model_copy(update={"key": keys}), clock=talk.db.clock)
    try:
        assert await found(talk, "swordfish", db=rotated) == [here], "the old key still finds"
        await indexing.sweep(rotated)
        assert await found(talk, "swordfish", db=rotated) == [here]
        assert await found(talk, "swordfish") == []
    finally:
        await rotated.close()


async def test_that_erasing_leaves_nothing_to_find(talk: Talk) -> None:
    here = (await talk.say("swordfish")).conversation_id
    async with talk.db.transaction() as session:
        await indexing.forget(session, talk.workspace_id, [here])
    async with talk.db.read() as session:
        assert (await session.execute(select(ConversationWord))).all() == []
    assert await found(talk, "swordfish") == []


async def test_that_a_search_is_paged_and_bounded(talk: Talk) -> None:
    made = [(await talk.say("parcel", visitor=f"vis_{n}")).conversation_id for n in range(5)]
    seen: list[str] = []
    cursor = None
    async with talk.db.read() as session:
        while True:
            wanted = ConversationSearch(query="parcel", limit=2, cursor=cursor)
            page = await search.search(session, talk.workspace_id, wanted, staff_id=talk.staff.id)
            seen += [one.id for one in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert sorted(seen) == sorted(made)
        for wrong in ("?!", " ".join(f"w{n}" for n in range(21))):
            with pytest.raises(InvalidInput):
                await search.search(
                    session, talk.workspace_id, ConversationSearch(query=wrong), staff_id=None
                )
        stale = ConversationSearch(query="parcel", cursor="bm9uc2Vuc2U")
        with pytest.raises(BadCursor):
            await search.search(session, talk.workspace_id, stale, staff_id=None)
