"""Every refusal leaves as RFC 9457 problem JSON; nothing inside shows in an unexpected one."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from agentflow.kit.errors import AppError
from crm.teams.staff.schemas import EMAIL

MEDIA_TYPE = "application/problem+json"
log = logging.getLogger(__name__)


class Problem(BaseModel):
    """RFC 9457, with a stable `code` and whatever else helps (`limit`, `found`, `fields`, …)."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    code: str
    detail: str


# What any route may answer beside its own success; shown in OpenAPI.
RESPONSES: dict[int | str, dict[str, object]] = {
    status: {
        "description": text,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, text in {
        400: "The request cannot be read",
        401: "No valid credential",
        403: "The credential may not do this",
        404: "There is no such record in your workspace",
        409: "The record is in another state",
        413: "Too many bytes",
        415: "The file is of a kind that is not read",
        422: "A value is malformed",
        429: "Too many requests; see Retry-After",
        503: "Something we depend on is down",
    }.items()
}


def problem(body: Mapping[str, object], headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The response for a problem's body."""
    status = body["status"]
    assert isinstance(status, int)
    return JSONResponse(dict(body), status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def install(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(AppError, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AppError)
    # A page of another origin that may read the answer may also read why there is none.
    headers: dict[str, str] = dict(getattr(request.state, "page_headers", {}))
    if "retry_after" in error.members:
        headers["Retry-After"] = str(error.members["retry_after"])
    if error.status_code == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.status_code >= 500:
        log.error("refused with %s: %s", error.code, error.detail)
    return problem(error.problem(), headers)


async def _malformed(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    fields = [
        {"field": ".".join(str(part) for part in item["loc"]), "problem": _complaint(item)}
        for item in error.errors()
    ]
    unreadable = any(item["type"] == "json_invalid" for item in error.errors())
    refusal = AppError(" ".join(f"{item['field']}: {item['problem']}." for item in fields), fields=fields)
    body = refusal.problem() | {
        "status": 400 if unreadable else 422,
        "code": "malformed_json" if unreadable else "invalid_input",
    }
    body |= {"type": f"urn:agentflow:error:{body['code']}", "title": str(body["code"]).replace("_", " ")}
    return problem(body)


def _complaint(item: Mapping[str, Any]) -> str:
    """What is wrong with a field; of our own checks their words, without the name of the exception."""
    if item["type"] == "value_error":
        said = item["ctx"]["error"]
    elif item["type"] == "string_pattern_mismatch":
        said = FORMS.get(item["ctx"]["pattern"], item["msg"])
    else:
        said = _PLAIN.get(item["type"], item["msg"])
    return str(said).rstrip(".")


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    detail = f"{error.detail.rstrip('.')}."
    if error.status_code == 404:
        detail = "There is no such address; /api/docs lists those of the API."
    elif error.status_code == 405:
        detail = f"This address does not take {request.method}."
    refusal = AppError(detail, code=_HTTP_CODES.get(error.status_code, "http_error"))
    return problem(refusal.problem() | {"status": error.status_code}, error.headers)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.exception("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(AppError("Something went wrong on our side; it was logged.").problem())


# Every pattern of the API, in words: a regular expression tells nobody what to type.
FORMS = {
    r"^[A-Za-z0-9_.:-]+$": "This must be letters, digits and _ . : - only",
    r"^(customer|[a-z]{2})$": "This must be `customer`, or a language in two letters, such as nl",
    r"^[A-Z]{2}$": "This must be a country in two capital letters (ISO 3166-1), such as NL",
    r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$": "This must be a language such as nl or pt-BR",
    r"^[a-z][a-z0-9_]{0,39}$": "This must be a letter of a to z, then up to 39 of a to z, 0 to 9 and _",
    r"^[a-z0-9_]{1,40}$": "This must be an id: at most 40 of a to z, 0 to 9 and _",
    r"^[A-Za-z0-9_-]{10,200}$": "This must be the id of a file: 10 to 200 letters, digits, - and _",
    EMAIL: "This must be an e-mail address such as ada@shop.example",
    r"^#[0-9a-fA-F]{6}$": "This must be a colour as #rrggbb, such as #1e8449",
    r"^https?://[^\s/?#@]+(/[^\s?#]*)?$": "This must be an http(s) address without ? and #",
    r"^(?:[01]\d|2[0-3]):[0-5]\d$": "This must be a time from 00:00 to 23:59, such as 09:00",
    r"^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$": "This must be a time from 00:00 to 24:00, such as 17:30",
    r"^[a-z]{2}(-[A-Z]{2})?$": "This must be a language such as nl or pt-BR",
}
_PLAIN = {"json_invalid": "This is not JSON", "extra_forbidden": "There is no such field"}
_HTTP_CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 415: "unsupported_media_type"}
