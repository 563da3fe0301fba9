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
├── TooManyColumns        422   too_many_columns     where rows are read as they stand
├── TooMuchText           422   too_much_text
├── TooSlow               422   too_slow
├── TooMuchMemory         422   too_much_memory
├── ReaderCrashed         422   reader_crashed
└── NotFetched            422   not_fetched          a page, site or Google document could not be had
    ├── NotReached              not_reached          no answer, or it broke off
    ├── PageGone                page_gone            404 or 410
    ├── LoginNeeded             login_needed         401, 403, or a form that asks for a password
    ├── PageFailed              page_failed          any other answer that is no page
    ├── AskedToWait             asked_to_wait        429 or 503; it says how long
    ├── ForbiddenByRobots       forbidden_by_robots  the site's robots.txt
    ├── NothingFound            nothing_found        a site without one page to read
    ├── GoogleAccessLost        google_access_lost   the connection may not read the document, or nothing
    └── GoogleFileGone          google_file_gone     deleted, or in Google's bin
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


class TooManyColumns(SourceRefused):
    """More columns than the limit."""

    code = "too_many_columns"


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


class NotFetched(SourceRefused):
    """What is there could not be had; the detail says why."""

    code = "not_fetched"


class NotReached(NotFetched):
    """The other side gave no whole answer in time."""

    code = "not_reached"


class PageGone(NotFetched):
    """There is no such page, or not any more."""

    code = "page_gone"


class LoginNeeded(NotFetched):
    """The page is only shown to people who log in."""

    code = "login_needed"


class PageFailed(NotFetched):
    """The other side answered, but not with a page."""

    code = "page_failed"


class AskedToWait(NotFetched):
    """The other side has had too many requests; `seconds` is how long it wants none."""

    code = "asked_to_wait"

    def __init__(self, detail: str, *, seconds: int) -> None:
        super().__init__(detail, retry_after=seconds)
        self.seconds = seconds


class ForbiddenByRobots(NotFetched):
    """The site's robots.txt keeps programs out."""

    code = "forbidden_by_robots"


class NothingFound(NotFetched):
    """The site has no page that may be read."""

    code = "nothing_found"


class GoogleAccessLost(NotFetched):
    """Google does not let this connection read the document."""

    code = "google_access_lost"


class GoogleFileGone(NotFetched):
    """The document was deleted, or is hidden from this connection."""

    code = "google_file_gone"


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
        TooManyColumns,
        TooMuchText,
        TooSlow,
        TooMuchMemory,
        ReaderCrashed,
    )
}
