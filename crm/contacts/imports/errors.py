"""What imports refuse as a whole; what is wrong with a single row stands in the summary."""

from __future__ import annotations

from agentflow.kit.errors import Conflict, InvalidInput, NotFound


class ImportNotFound(NotFound):
    """There is no such import here."""

    code = "import_not_found"


class NoHeader(InvalidInput):
    """The first row of the table holds data, not names of columns."""

    code = "no_header"


class NoRows(InvalidInput):
    """There is nothing below the header."""

    code = "no_rows"


class UnknownSheet(InvalidInput):
    """The workbook has no such sheet."""

    code = "unknown_sheet"


class UnknownColumn(InvalidInput):
    """The file has no such column."""

    code = "unknown_column"


class DuplicateMapping(InvalidInput):
    """Two columns go to a field that holds one value, or one column goes to two fields."""

    code = "duplicate_mapping"


class UnknownTarget(InvalidInput):
    """There is no such field to import into."""

    code = "unknown_target"


class NothingMapped(InvalidInput):
    """No column holds an address, so no row can be told from another."""

    code = "nothing_mapped"


class WrongState(Conflict):
    """The import is not where this can be done."""

    code = "wrong_import_state"
