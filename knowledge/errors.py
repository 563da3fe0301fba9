"""Why a source is refused, each reason with a stable code. The detail says which limit and what was found.

SourceRefused                   what all of these are; a source that fails shows `code` and `detail`
├── UnsupportedType       415   unsupported_type
├── Corrupt               422   corrupt              damaged, or not what its name says
├── Encrypted             422   encrypted            a password is needed
├── FileTooLarge          413   too_large            bytes, on disk or unpacked
├── TooManySources        409   too_many_sources
├── TooManyPages          422   too_many_pages
├── TooManyRows           422   too_many_rows
├── TooManyCells          422   too_many_cells
├── TooMuchText           422   too_much_text
├── TooSlow               422   too_slow
├── TooMuchMemory         422   too_much_memory
└── ReaderCrashed         422   reader_crashed
"""

from __future__ import annotations

from agentflow.kit.errors import AppError


class SourceRefused(AppError):
    """A source cannot be taken in; the other sources are untouched."""

    status_code = 422
    code = "source_refused"


class UnsupportedType(SourceRefused):
    """The kind of file is not one we read; the detail says which are."""

    status_code = 415
    code = "unsupported_type"


class Corrupt(SourceRefused):
    """The file is damaged, or its content is not what its name says."""

    code = "corrupt"


class Encrypted(SourceRefused):
    """The file opens only with a password."""

    code = "encrypted"


class FileTooLarge(SourceRefused):
    """More bytes than the limit, on disk or unpacked."""

    status_code = 413
    code = "too_large"


class TooManySources(SourceRefused):
    """The knowledge base is full."""

    status_code = 409
    code = "too_many_sources"


class TooManyPages(SourceRefused):
    """More pages than the limit."""

    code = "too_many_pages"


class TooManyRows(SourceRefused):
    """More sheet rows than the limit."""

    code = "too_many_rows"


class TooManyCells(SourceRefused):
    """More filled cells than the limit."""

    code = "too_many_cells"


class TooMuchText(SourceRefused):
    """More characters of text than the limit."""

    code = "too_much_text"


class TooSlow(SourceRefused):
    """Reading took longer than the limit and was stopped."""

    code = "too_slow"


class TooMuchMemory(SourceRefused):
    """Reading needed more memory than the limit and was stopped."""

    code = "too_much_memory"


class ReaderCrashed(SourceRefused):
    """The reading process ended without an answer; a new one takes the next file."""

    code = "reader_crashed"


REFUSALS: dict[str, type[SourceRefused]] = {
    kind.code: kind
    for kind in (
        UnsupportedType,
        Corrupt,
        Encrypted,
        FileTooLarge,
        TooManySources,
        TooManyPages,
        TooManyRows,
        TooManyCells,
        TooMuchText,
        TooSlow,
        TooMuchMemory,
        ReaderCrashed,
    )
}
