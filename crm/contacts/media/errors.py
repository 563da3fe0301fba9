"""What files of contacts refuse."""

from __future__ import annotations

from agentflow.kit.errors import AppError, InvalidInput, NotFound


class FileNotFound(NotFound):
    """The contact has no such file."""

    code = "file_not_found"


class KindNotKept(AppError):
    """The bytes are of no kind that is kept with a contact."""

    status_code = 415
    code = "file_kind_not_kept"


class BadFile(InvalidInput):
    """The file is empty or has no name."""

    code = "bad_file"
