"""Writes the words of a message in the transaction that stores it; a sweep writes those of older messages.

A conversation names the key under which all its words are there. With another key, or none, its new messages
wait for the sweep like its old ones, so nothing is indexed by halves.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import Database, word_keys
from crm.inbox import repository as inbox
from crm.inbox.models import Conversation, Message
from crm.inbox.words import repository
from crm.inbox.words.text import hash_of, name_of, words_of

_AT_ONCE = 100  # conversations in one round
_MESSAGES = 500  # in memory at a time


def current_key(session: AsyncSession) -> str:
    """The name of the key that words are hashed with now."""
    return name_of(word_keys(session)[0])


def index(session: AsyncSession, conversation: Conversation, message: Message) -> None:
    """Have the words of a new message written just before the commit."""
    if message.author == "system" or conversation.search_key != current_key(session):
        return
    waiting: list[Message] = session.info.setdefault("words_of", [])
    waiting.append(message)
    last_words = session.info["before_commit"]
    if _write not in last_words:
        last_words.insert(0, _write)  # before the events, whose counter is held for the shortest time


async def _write(session: AsyncSession) -> None:
    waiting: list[Message] = session.info.pop("words_of", [])
    await session.flush()
    for message in waiting:
        hashes = _hashes(session, message.workspace_id, message.text)
        await repository.add_words(
            session, message.workspace_id, message.conversation_id, message.seq, hashes
        )


def _hashes(session: AsyncSession, workspace_id: str, text: str) -> list[int]:
    key = word_keys(session)[0]
    return sorted({hash_of(key, workspace_id, word) for word in words_of(text)})


async def forget(session: AsyncSession, workspace_id: str, conversation_ids: Collection[str]) -> None:
    """Nothing that was said in these conversations is found any more."""
    await repository.forget_words(session, workspace_id, conversation_ids)


async def sweep(db: Database) -> None:
    """Index what came before there was an index, or under an older key."""
    while True:
        async with db.read() as session:
            key = current_key(session)
            left = await repository.unindexed(session, key, limit=_AT_ONCE)
        for workspace_id, conversation_id in left:
            async with db.transaction() as session:
                await _reindex(session, workspace_id, conversation_id, key)
        if len(left) < _AT_ONCE:
            return


async def _reindex(session: AsyncSession, workspace_id: str, conversation_id: str, key: str) -> None:
    conversation = await inbox.lock_conversation(session, workspace_id, conversation_id)
    if conversation is None or conversation.search_key == key:
        return
    await repository.forget_words(session, workspace_id, [conversation_id])
    seq = 0
    while texts := await repository.texts_of(
        session, workspace_id, conversation_id, after=seq, limit=_MESSAGES
    ):
        for seq, text in texts:
            hashes = _hashes(session, workspace_id, text)
            await repository.add_words(session, workspace_id, conversation_id, seq, hashes)
    conversation.search_key = key
