"""Tables in the form they are stored in, and read back with the place they come from."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from functools import cached_property

from knowledge.pages import TableDraft


@dataclass(frozen=True, eq=False)
class Table:
    """One table of a live source. `name` is what queries call it, unique within its knowledge base."""

    name: str
    source_id: str
    source: str
    version: int
    public: bool
    content: bytes

    @cached_property
    def draft(self) -> TableDraft:
        """Its header and rows."""
        return unpacked(self.content)


def packed(draft: TableDraft) -> bytes:
    """A table as it is stored."""
    rows = [[number, *cells] for number, cells in draft.rows]
    content = [draft.sheet, draft.title, draft.page, draft.header, rows]
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return zlib.compress(text.encode("utf-8", "replace"))


def unpacked(content: bytes) -> TableDraft:
    """What `packed` was given."""
    sheet, title, page, header, rows = json.loads(zlib.decompress(content))
    return TableDraft(
        header=tuple(header),
        rows=tuple((number, tuple(cells)) for number, *cells in rows),
        sheet=sheet,
        title=title,
        page=page,
    )
