"""What passes between a serving process and a reading one: length, then JSON. Never pickle: parsers of
customers' files stand at the other end.

At start  {"ready": true}
Request   {"path", "filename", "mode": "chunks" | "extract" | "grid", "caps": {...}}
Answers   {"chunks": [...]} or {"tables": [...]} or {"text": "..."}, any number of them, then one of
          {"done": {"pages", "chars", "warning"}, "last"}   {"refused": {"code", "detail", "members"}, "last"}
          where a true "last" says that the process ends now.
Of a grid {"sheet": [name, [[column, header], ...], row of the header or 0]}, then its
          {"rows": [[number, [[column, cell], ...]], ...]}, and so on; "done" is {"hidden"}.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

from knowledge.chunking import ChunkDraft, SentenceDraft
from knowledge.pages import TableDraft

Frame = dict[str, Any]

HEADER = struct.Struct(">I")
MAX_FRAME_BYTES = 128 * 1024 * 1024  # a table is one frame: all the text of a file, in any script


def pack(frame: Frame) -> bytes:
    """A frame as bytes."""
    body = json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode("utf-8", errors="replace")
    return HEADER.pack(len(body)) + body


def unpack(body: bytes) -> Frame:
    """A frame's body. Raises ValueError when it is none."""
    frame = json.loads(body)
    if not isinstance(frame, dict):
        raise ValueError("A frame is a JSON object.")
    return frame


def chunk_to_json(chunk: ChunkDraft) -> list[object]:
    """A chunk as a list; sentences as places in its text, so that no text is sent twice."""
    sentences: list[list[int | None]] = []
    place = 0
    for sentence in chunk.sentences:
        place = chunk.text.index(sentence.text, place)
        sentences.append([place, len(sentence.text), sentence.row])
        place += len(sentence.text)
    return [
        chunk.text,
        chunk.start,
        chunk.end,
        chunk.page,
        chunk.sheet,
        chunk.row,
        chunk.heading,
        sentences,
    ]


def chunk_from_json(value: Sequence[Any]) -> ChunkDraft:
    """The chunk again. Raises ValueError or TypeError when the value has another shape."""
    text, start, end, page, sheet, row, heading, sentences = value
    return ChunkDraft(
        text=str(text),
        start=start,
        end=end,
        page=page,
        sheet=sheet,
        row=row,
        heading=str(heading),
        sentences=tuple(_sentence(text, start, *sentence) for sentence in sentences),
    )


def table_to_json(table: TableDraft) -> list[object]:
    """A table as a list."""
    rows = [[number, *cells] for number, cells in table.rows]
    return [table.sheet, table.title, table.page, table.header, rows]


def table_from_json(value: Sequence[Any]) -> TableDraft:
    """The table again. Raises ValueError or TypeError when the value has another shape."""
    sheet, title, page, header, rows = value
    return TableDraft(
        header=tuple(map(str, header)),
        rows=tuple((int(number), tuple(map(str, cells))) for number, *cells in rows),
        sheet=sheet,
        title=str(title),
        page=page,
    )


def _sentence(text: str, offset: int | None, place: int, length: int, row: int | None) -> SentenceDraft:
    start = None if offset is None else offset + place
    end = None if start is None else start + length
    return SentenceDraft(text[place : place + length], start, end, row)
