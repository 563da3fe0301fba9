"""Shapes of imports: the columns of a file, where they go, and what became of the rows."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from crm.contacts.schemas import PropertyType

MAX_COLUMNS = 500
PROPERTY = "property:"  # before the key of a custom property


class ImportState(StrEnum):
    """Where an import stands."""

    MAPPING = "mapping"  # uploaded; the mapping may be changed and the dry run started
    CHECKING = "checking"  # the dry run is under way
    CHECKED = "checked"  # the summary says what a commit would do
    COMMITTING = "committing"
    DONE = "done"
    FAILED = "failed"  # `problem` says why; rows that were imported before stay
    UNDONE = "undone"  # what it made is in the bin, as far as nobody needed it by then


class Target(StrEnum):
    """Where a column may go, beside `property:<key>` of a custom property and `new`."""

    CONTACT_ID = "contact_id"
    NAME = "name"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    EMAIL = "email"
    PHONE = "phone"
    COMPANY = "company"
    JOB_TITLE = "job_title"
    LOCATION = "location"
    COUNTRY = "country"
    LANGUAGE = "language"
    LABELS = "labels"
    OWNER = "owner"
    NEW = "new"


class DateOrder(StrEnum):
    """How 01/03/2026 is read."""

    DAY_FIRST = "day_first"
    MONTH_FIRST = "month_first"


class Policy(StrEnum):
    """What becomes of a row about somebody who is known already."""

    UPDATE = "update"
    SKIP = "skip"


class ColumnTarget(BaseModel):
    """One column and where it goes."""

    model_config = ConfigDict(extra="forbid")

    column: int = Field(ge=0, lt=MAX_COLUMNS, description="`column` of the columns seen")
    target: str = Field(
        max_length=80,
        description="a standard field, `property:<key>` of a custom property, or `new` to create one",
    )
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)] | None = (
        Field(default=None, description="of a new property; left out, the column's header")
    )
    type: PropertyType | None = Field(default=None, description="of a new property; left out, text")
    date_order: DateOrder | None = Field(
        default=None, description="how 01/03/2026 is read here; left out, the rows decide"
    )


class Mapping(BaseModel):
    """Where the columns go; a column that is left out is not imported."""

    model_config = ConfigDict(extra="forbid")

    columns: list[ColumnTarget] = Field(min_length=1, max_length=MAX_COLUMNS)
    duplicates: Policy = Field(
        default=Policy.UPDATE,
        description="a row with an e-mail address or phone number of an earlier row of the file",
    )
    existing: Policy = Field(default=Policy.UPDATE, description="a row about a contact that exists")
    region: str | None = Field(
        default=None,
        pattern="^[A-Z]{2}$",
        description="country of phone numbers without one, where the row has none; left out, the workspace's",
    )


class DatesSeen(BaseModel):
    """How the numeric dates of a column are read, and what decided it."""

    order: DateOrder | None = Field(
        description="null when rows of both kinds occur: ambiguous ones are refused"
    )
    decided_by: Literal["rows", "mapping", "workspace", "conflict"]
    day_first: int = Field(description="rows that allow only day first, such as 25/03/2026")
    month_first: int = Field(description="rows that allow only month first, such as 03/25/2026")
    ambiguous: int = Field(description="rows that allow both")


class ColumnSeen(BaseModel):
    """A column of the file."""

    column: int
    header: str
    filled: int
    samples: list[str]
    looks_like: Literal["email", "phone", "date", "number", "boolean", "text", "empty"]
    dates: DatesSeen | None = None
    decimal: Literal[".", ","] | None = Field(default=None, description="the decimal mark of its numbers")


class Suggestion(ColumnTarget):
    """Where a column might go, and why that is suggested."""

    reason: Literal["header", "content"]


class RowOutcome(StrEnum):
    """What became, or would become, of a row."""

    CREATED = "created"
    UPDATED = "updated"
    SKIPPED = "skipped"
    FAILED = "failed"


class ReasonCount(BaseModel):
    """How many rows were skipped or failed for a reason."""

    outcome: RowOutcome
    code: str
    detail: str = Field(description="of the first such row")
    count: int
    first_row: int


class RowSeen(BaseModel):
    """One row of the file, by its number there, and what became of it."""

    row: int
    outcome: RowOutcome
    code: str | None = None
    detail: str | None = None
    cells: list[str]


class Summary(BaseModel):
    """What became of the rows; the four counts add up to `rows`."""

    rows: int = 0
    created: int = 0
    updated: int = 0
    skipped: int = 0
    failed: int = 0
    duplicates: int = Field(default=0, description="rows about somebody whom an earlier row was about")
    contacts_updated: int = Field(
        default=0, description="contacts that stood there before and were changed, each counted once"
    )
    reasons: list[ReasonCount] = Field(default_factory=list)


class DryRun(Summary):
    """What a commit would do."""

    region: str | None = Field(
        default=None,
        description="the country as whose phone numbers without one were read, but in rows with one",
    )
    first_rows: list[RowSeen] = Field(default_factory=list, description="the first ones of each outcome")


class Progress(BaseModel):
    """Rows done, of how many."""

    done: int
    total: int


class ImportProblem(BaseModel):
    """Why an import failed."""

    code: str
    detail: str


class ImportRead(BaseModel):
    """An import as it is listed."""

    id: str
    state: ImportState
    filename: str
    rows: int
    progress: Progress
    summary: Summary | None = Field(description="of the commit, as far as it has come")
    problem: ImportProblem | None
    created_by: str
    created_at: datetime
    finished_at: datetime | None


class ImportUndone(BaseModel):
    """What became of the contacts of an import that was undone."""

    binned: int = Field(description="made by the import, and now in the bin for 30 days")
    kept: int = Field(description="made by it, but changed, talked with or deleted since")
    updated: int = Field(description="there before; what the import wrote into them stays")


class ImportDetail(ImportRead):
    """An import with its columns and mapping."""

    sheet: str
    sheets: list[str]
    header_row: int
    hidden_rows: int = Field(description="rows that the workbook hides; they are left out")
    columns: list[ColumnSeen]
    suggestions: list[Suggestion]
    mapping: Mapping | None
    dry_run: DryRun | None
