"""Bytes into text, and what a file's first bytes say it is.

Most text we get is UTF-8 or Windows-1252; the rest is told by byte-order marks, by where the zero bytes
stand, and only then by charset-normalizer, which is good on pages and poor on lines.
"""

from __future__ import annotations

import codecs
import contextlib
import re

from charset_normalizer import from_bytes

from knowledge.errors import Corrupt

# What a file is by its first bytes.
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "pdf"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (b"\x89PNG\r\n", "picture"),
    (b"\xff\xd8\xff", "picture"),
    (b"GIF8", "picture"),
    (b"II*\x00", "picture"),
    (b"MM\x00*", "picture"),
    (b"\x7fELF", "program"),
    (b"MZ\x90\x00", "program"),
    (b"\x1f\x8b", "archive"),
    (b"7z\xbc\xaf", "archive"),
    (b"Rar!", "archive"),
    (b"BZh", "archive"),
)
KIND_NAMES = {
    "pdf": "a PDF",
    "zip": "a ZIP or Office file",
    "ole": "an old Office file",
    "picture": "a picture",
    "program": "a program",
    "archive": "an archive",
}
_BOMS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What a page says of itself, in its first bytes; browsers read these names as those.
_DECLARED = re.compile(
    rb"""(?:<meta\b[^>]*?\bcharset\s*=\s*|<\?xml\b[^>]*?\bencoding\s*=\s*)["']?\s*([\w.:-]+)""", re.IGNORECASE
)
_DECLARATION = 4096
_TRUE_NAMES = {
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "us-ascii": "cp1252",
    "ascii": "cp1252",
    "iso-8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "x-sjis": "cp932",
    "utf-16": "utf-8",
}
_SAMPLE = 64 * 1024
# A binary file that passes for UTF-16 is a tenth private use.
_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\ue000-\uf8ff]")
_UTF8_PAIR = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH = re.compile(rb"[\x80-\xff]")
# Letters of Western European languages, and the marks that stand between words.
_WESTERN = re.compile("[À-ÖØ-öø-ÿŒœŠšŸŽž€‚„…‘’“”•–—™¡£§©ª«®°²³·º»¿½¼¾\u00a0]")
_MARK_IN_WORD = re.compile("[a-zA-Z][¡£§©«®°²³»¿½¼¾€‚„…“”•™][a-zA-Z]")


def sniff(data: bytes) -> str:
    """pdf, zip, ole, picture, program, archive, or "" for anything that may be text."""
    for magic, kind in _MAGIC:
        if data.startswith(magic):
            return kind
    return "picture" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else ""


def decode(data: bytes) -> str:
    """The text, without a byte-order mark; a zero character becomes U+FFFD, so places stay the same.

    Raises Corrupt when the bytes are no text in any encoding.
    """
    text = _decoded(data)
    _check_text(text)
    return text.replace("\x00", "\ufffd")


def decode_page(data: bytes) -> str:
    """The text of a web page: by its mark, as UTF-8 when it is that, by what it declares, or by its letters.

    Raises Corrupt when the bytes are no text in any encoding.
    """
    declared = _DECLARED.search(data[:_DECLARATION])
    name = declared.group(1).decode("ascii").lower() if declared else ""
    if name and not any(data.startswith(bom) for bom, _ in _BOMS):
        with contextlib.suppress(LookupError, UnicodeDecodeError):
            text = data.decode(_TRUE_NAMES.get(name, name))
            if not data.isascii():
                with contextlib.suppress(UnicodeDecodeError):
                    text = data.decode("utf-8")  # no other encoding looks like it by accident
            _check_text(text)
            return text.replace("\x00", "\ufffd")
    return decode(data)


def _decoded(data: bytes) -> str:
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data[len(bom) :].decode(encoding, errors="replace")
    utf16 = _utf16_without_mark(data[:_SAMPLE])
    if utf16:
        return data.decode(utf16, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        _check_text(data[:_SAMPLE].decode("latin-1"))  # guessing an encoding for no text takes seconds
        return _legacy(data)


def _check_text(text: str) -> None:
    """Broken text holds odd characters too, but not one in twenty; and one alone is no sign."""
    odd = len(_NO_TEXT.findall(text))
    if odd > 1 and odd * 20 > len(text):
        raise Corrupt("The file is not text: it is full of control characters.")


def _utf16_without_mark(sample: bytes) -> str | None:
    """Latin text in UTF-16 has a zero in nearly every second byte."""
    pairs = len(sample) // 2
    if pairs < 2:
        return None
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if odd * 10 >= pairs * 4 and even * 20 <= pairs:
        return "utf-16-le"
    if even * 10 >= pairs * 4 and odd * 20 <= pairs:
        return "utf-16-be"
    return None


def _legacy(data: bytes) -> str:
    """Text in an encoding older than Unicode, or UTF-8 with foreign bytes in it."""
    valid = len(_UTF8_PAIR.findall(data))
    strays = len(_HIGH.findall(_UTF8_PAIR.sub(b"", data)))
    if valid >= strays:
        return data.decode("utf-8", errors="agentflow.western")
    if _looks_western(data[:_SAMPLE]):
        return data.decode("cp1252", errors="replace")
    best = from_bytes(data[: 4 * _SAMPLE]).best()
    return data.decode(best.encoding if best else "cp1252", errors="replace")


def _western(error: UnicodeError) -> tuple[str, int]:
    """Files glued together from two sources: each byte that is not UTF-8 is read as Windows-1252."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", errors="replace"), error.end


codecs.register_error("agentflow.western", _western)


def _looks_western(sample: bytes) -> bool:
    """Whether Windows-1252 gives what a Western European text has: few accented letters, inside words."""
    text = sample.decode("cp1252", errors="replace")
    high = [letter for letter in text if letter > "\x7f"]
    letters = sum(letter.isalpha() for letter in text)
    typical = sum(bool(_WESTERN.match(letter)) for letter in high)
    return typical == len(high) and len(high) * 2 <= letters and not _MARK_IN_WORD.search(text)
