"""The tables of each knowledge base, read once while its sources stay as they are, decoded when asked for."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Sequence
from typing import Protocol

from agentflow.kit.db import Database
from knowledge.tables.columns import TypedTable
from knowledge.tables.repository import tables_of
from knowledge.tables.store import Table


class LiveVersion(Protocol):
    """A source that answers come from; `knowledge.repository.LiveSource` is one."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def name(self) -> str:
        """Its file's name."""
        ...

    @property
    def public(self) -> bool:
        """Whether customers may open it."""
        ...

    @property
    def version(self) -> int:
        """The version that answers come from."""
        ...


class TableShelf:
    """Keeps the tables of the latest used knowledge bases."""

    def __init__(self, db: Database, max_open: int) -> None:
        self._db = db
        self._max_open = max_open
        self._kept: OrderedDict[str, tuple[tuple[LiveVersion, ...], tuple[TypedTable, ...]]] = OrderedDict()

    async def tables(
        self, workspace_id: str, knowledge_base_id: str, live: tuple[LiveVersion, ...]
    ) -> tuple[TypedTable, ...]:
        """The tables of these sources, in their order."""
        kept = self._kept.get(knowledge_base_id)
        if kept is None or kept[0] != live:
            kept = live, await self._load(workspace_id, live)
            self._kept[knowledge_base_id] = kept
            while len(self._kept) > self._max_open:
                self._kept.popitem(last=False)
        self._kept.move_to_end(knowledge_base_id)
        return kept[1]

    async def _load(self, workspace_id: str, live: Sequence[LiveVersion]) -> tuple[TypedTable, ...]:
        sources = {source.id: source for source in live}
        async with self._db.read() as session:
            rows = await tables_of(session, workspace_id, [(source.id, source.version) for source in live])
        names: Counter[str] = Counter()
        tables = []
        for source_id, _, content in rows:
            source = sources[source_id]
            names[source.name] += 1
            number = names[source.name]
            name = source.name if number == 1 else f"{source.name} #{number}"
            table = Table(name, source.id, source.name, source.version, source.public, content)
            tables.append(TypedTable(table))
        return tuple(tables)
