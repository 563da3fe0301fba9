"""A stored file as an answer: saved by the browser, never shown in our pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote

from fastapi.responses import StreamingResponse


def download(
    blocks: AsyncIterator[bytes], name: str, media_type: str = "application/octet-stream"
) -> StreamingResponse:
    """The blocks of a file (`await app.files.read(key)`) under a name of any letters."""
    return StreamingResponse(
        blocks,
        media_type=media_type,
        headers={
            "Content-Disposition": f"attachment; filename*=utf-8''{quote(name, safe='')}",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox",
        },
    )
