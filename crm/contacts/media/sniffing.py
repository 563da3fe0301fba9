"""What a file is, by its bytes: neither its name nor what the sender claims counts.

Whatever a browser might run (HTML, SVG, scripts, programs, archives) is of no kind that is kept.
"""

from __future__ import annotations

import re

from crm.contacts.media.errors import KindNotKept

_STARTS = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),  # Office before 2007
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
_MEDIA = {b"heic": "image/heic", b"mif1": "image/heic", b"M4A ": "audio/mp4"}  # else a video
_OFFICE = "application/vnd.openxmlformats-officedocument."
_PACKED = (
    (b"word/document.xml", _OFFICE + "wordprocessingml.document"),
    (b"xl/workbook.", _OFFICE + "spreadsheetml.sheet"),
    (b"ppt/presentation.xml", _OFFICE + "presentationml.presentation"),
)
_OPEN_DOCUMENT = re.compile(rb"mimetype(application/vnd\.oasis\.opendocument\.[a-z]{1,20})")
_MARKUP = re.compile(rb"(?:\xef\xbb\xbf)?\s*<[!?a-z]", re.IGNORECASE)
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
ALLOWED = "PDF, pictures, Office and OpenDocument files, sound, video and plain text"


def kind_of(content: bytes) -> str:
    """The media type. Raises KindNotKept."""
    found = _by_start(content) or _packed(content) or _text(content)
    if found is None:
        raise KindNotKept(f"Files of this kind are not kept; {ALLOWED} are.", allowed=ALLOWED)
    return found


def _by_start(content: bytes) -> str | None:
    for start, kind in _STARTS:
        if content.startswith(start):
            return kind
    if content.startswith(b"RIFF"):
        return _RIFF.get(content[8:12])
    if content[4:8] == b"ftyp":
        return _MEDIA.get(content[8:12], "video/mp4")
    return None


def _packed(content: bytes) -> str | None:
    """A document that is a ZIP archive inside; other archives are none."""
    if not content.startswith(b"PK\x03\x04"):
        return None
    open_document = _OPEN_DOCUMENT.match(content[30:100])
    if open_document:
        return open_document[1].decode()
    return next((kind for part, kind in _PACKED if part in content), None)


def _text(content: bytes) -> str | None:
    if _MARKUP.match(content[:1000]) or _NOT_TEXT.search(content) or content.startswith(b"#!"):
        return None
    try:
        content.decode()
    except UnicodeDecodeError:
        return None
    return "text/plain"
