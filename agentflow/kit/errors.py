"""The one error family. Everything we refuse is an AppError; the API renders it as RFC 9457 problem JSON.

AppError                      status_code, code, detail, and what would be allowed
├── InvalidInput        422   a value is malformed
├── BadRequest          400   the request as a whole cannot be read
├── Unauthenticated     401   no, wrong or expired credential
├── Forbidden           403   the credential is fine but may not do this
├── NotFound            404   absent, or it belongs to another workspace (never told apart)
├── Conflict            409   true only in another state of the record
├── TooLarge            413   more bytes than the limit
├── TooMany             429   a rate limit; `retry_after` in seconds
├── Unavailable         503   something we depend on is down
└── Misconfigured       500   the operator must change a setting; raised at start or by the CLI
"""

from __future__ import annotations

from typing import ClassVar


class AppError(Exception):
    """Base of every refusal. `code` is for machines and stable; `detail` is a sentence for people.

    It says what was found and what is allowed, and holds no name of the program's own.

    Extra keyword arguments become members of the problem JSON (for example `limit=10, found=11`).
    """

    status_code: ClassVar[int] = 500
    code: str = "internal_error"

    def __init__(self, detail: str, *, code: str | None = None, **members: object) -> None:
        super().__init__(detail)
        self.detail = detail
        if code is not None:
            self.code = code
        self.members: dict[str, object] = members

    def problem(self) -> dict[str, object]:
        """The body of RFC 9457: type, title, status, code, detail and the extra members."""
        return {
            "type": f"urn:agentflow:error:{self.code}",
            "title": self.code.replace("_", " "),
            "status": self.status_code,
            "code": self.code,
            "detail": self.detail,
            **self.members,
        }


class InvalidInput(AppError):
    """A value is malformed."""

    status_code = 422
    code = "invalid_input"


class BadRequest(AppError):
    """The request as a whole cannot be read."""

    status_code = 400
    code = "bad_request"


class Unauthenticated(AppError):
    """No, wrong or expired credential."""

    status_code = 401
    code = "unauthenticated"


class Forbidden(AppError):
    """The credential is valid but may not do this."""

    status_code = 403
    code = "forbidden"


class NotFound(AppError):
    """The record does not exist for this caller."""

    status_code = 404
    code = "not_found"


class Conflict(AppError):
    """The record is in a state in which this cannot be done."""

    status_code = 409
    code = "conflict"


class TooLarge(AppError):
    """More bytes than the limit."""

    status_code = 413
    code = "too_large"


class TooMany(AppError):
    """A rate limit was reached; `retry_after` is in seconds."""

    status_code = 429
    code = "too_many_requests"

    def __init__(self, detail: str, *, retry_after: int, **members: object) -> None:
        super().__init__(detail)
        self.members = {"retry_after": retry_after, **members}
        self.retry_after = retry_after


class Unavailable(AppError):
    """Something we depend on is down; trying again later may work."""

    status_code = 503
    code = "unavailable"


class Misconfigured(AppError):
    """The operator must change a setting; the detail names it."""

    status_code = 500
    code = "misconfigured"
