"""Google Docs and Sheets: Drive says whether a document changed, and exports it when it did.

google-auth makes the tokens and gspread speaks to the API, both over our own HTTP client, so that caps hold
here too. They block and therefore run in a thread, whose requests go back to the event loop.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError, MalformedError, TransportError
from google.auth.transport import Request as AuthRequest
from google.oauth2.credentials import Credentials as PersonCredentials
from google.oauth2.service_account import Credentials as ServiceCredentials
from gspread.exceptions import APIError
from gspread.http_client import HTTPClient
from gspread.urls import DRIVE_FILES_API_V3_URL

from agentflow.kit.egress import AnswerTooLarge, CallFailed, Egress, Response
from agentflow.kit.errors import InvalidInput
from agentflow.kit.settings import GoogleSettings, Settings
from knowledge.errors import (
    AskedToWait,
    FileTooLarge,
    GoogleAccessLost,
    GoogleFileGone,
    NotReached,
    PageFailed,
    UnsupportedType,
)
from knowledge.limits import check_bytes
from knowledge.models import GoogleAccess, Origin
from knowledge.origins.base import Fetched, GoogleCredentials, Wanted
from knowledge.origins.html import lean
from knowledge.origins.web import wait_seconds

SCOPE = "https://www.googleapis.com/auth/drive.readonly"
_API = "https://www.googleapis.com"
_PAGE = 50
_TOO_OFTEN = {"rateLimitExceeded", "userRateLimitExceeded", "dailyLimitExceeded", "sharingRateLimitExceeded"}
# Pictures lie in the page itself.
_PICTURE = re.compile(rb'src="data:[^"]*"')
_Got = TypeVar("_Got")


@dataclass(frozen=True)
class Kind:
    """What Google calls a kind of document, and as what it is exported."""

    mime: str
    exported: str
    filename: str


KINDS = {
    Origin.GOOGLE_DOC: Kind("application/vnd.google-apps.document", "text/html", "document.html"),
    Origin.GOOGLE_SHEET: Kind(
        "application/vnd.google-apps.spreadsheet",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "spreadsheet.xlsx",
    ),
}


@dataclass(frozen=True)
class Document:
    """A document that an admin may pick."""

    id: str
    name: str
    kind: Origin
    modified: str


class GoogleOrigin:
    """Reads the documents that were picked, and lists those that may be."""

    def __init__(self, egress: Egress, settings: Settings) -> None:
        self._egress = egress
        self._google = settings.google
        self._max_bytes = settings.ingest.max_bytes
        self._seconds = settings.sync.answer_seconds

    async def fetch(self, wanted: Wanted) -> Fetched:
        """The document, exported only if Google says that it was modified."""
        if wanted.google is None:
            raise GoogleAccessLost("The Google connection of this source was removed.")
        return await self._in_thread(wanted.google, partial(self._fetch, wanted))

    async def describe(self, credentials: GoogleCredentials, file_id: str) -> Document:
        """One document. Raises UnsupportedType when it is neither a document nor a spreadsheet."""
        return await self._in_thread(credentials, lambda api: _document(_metadata(api, file_id)))

    async def documents(
        self, credentials: GoogleCredentials, *, named: str | None, page: str | None
    ) -> tuple[list[Document], str | None]:
        """Documents and spreadsheets, the latest changed first, and the mark of the next page."""
        return await self._in_thread(credentials, partial(_list, named=named, page=page))

    def check_key_file(self, key_file: Mapping[str, Any]) -> dict[str, str]:
        """What is kept of a service account's key file. Raises InvalidInput when it is none."""
        wanted = ("client_email", "private_key", "private_key_id", "project_id")
        values = {name: str(key_file[name]) for name in wanted if key_file.get(name)}
        try:
            _service(values, self._google)
        except (MalformedError, ValueError) as wrong:
            raise InvalidInput(
                "This is no key file of a service account: it needs client_email and private_key.",
                code="bad_service_account",
            ) from wrong
        return values

    def consent_url(self, credentials: GoogleCredentials) -> str:
        """Where a person agrees; Google then sends the browser to `redirect_uri` with a code."""
        values = credentials.values
        query = {
            "client_id": values["client_id"],
            "redirect_uri": values["redirect_uri"],
            "state": values["state"],
            "response_type": "code",
            "scope": SCOPE,
            "access_type": "offline",
            "prompt": "consent",
        }
        return f"{self._google.consent_url}?{urlencode(query)}"

    async def exchange(self, credentials: GoogleCredentials, code: str) -> str:
        """The refresh token for a person's code. Raises GoogleAccessLost when the code is not accepted."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            **{name: credentials.values[name] for name in ("client_id", "client_secret", "redirect_uri")},
        }
        answer = await self._call(
            "POST",
            self._google.token_url,
            {"Content-Type": "application/x-www-form-urlencoded"},
            urlencode(form).encode(),
        )
        token = _object(answer).get("refresh_token") if answer.status == 200 else None
        if not isinstance(token, str):
            raise GoogleAccessLost("Google did not accept the code; open the consent page again.")
        return token

    async def _call(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        """One request to an address of the settings, never to one that a key file names."""
        return await self._egress.request(
            method,
            url,
            headers=headers,
            body=body,
            timeout_seconds=self._seconds,
            max_bytes=self._max_bytes,
            max_redirects=0,
            trusted=True,
        )

    async def _in_thread(self, credentials: GoogleCredentials, work: Callable[[HTTPClient], _Got]) -> _Got:
        loop = asyncio.get_running_loop()

        def send(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
            return asyncio.run_coroutine_threadsafe(self._call(method, url, headers, body), loop).result()

        def run() -> _Got:
            signed = _credentials(credentials, self._google)
            signed.refresh(_TokenRequest(send))  # type: ignore[no-untyped-call]
            session = _ApiSession(send, self._google.api_url, str(signed.token))
            return work(HTTPClient(cast(Credentials, None), cast(Any, session)))

        try:
            return await asyncio.to_thread(run)
        except APIError as refused:
            raise _named(refused) from refused
        except AnswerTooLarge as large:
            raise FileTooLarge(large.detail, limit=self._max_bytes) from large
        except (CallFailed, TransportError) as broken:
            raise NotReached("Google gave no whole answer.") from broken
        except GoogleAuthError as refused:
            if refused.retryable:
                raise NotReached("Google's token service does not answer.") from refused
            raise GoogleAccessLost("Google no longer accepts this connection; connect it again.") from refused

    def _fetch(self, wanted: Wanted, api: HTTPClient) -> Fetched:
        found = _metadata(api, wanted.location)
        kind = KINDS[_document(found).kind]
        modified = str(found["modifiedTime"])
        if wanted.state.get("modified") == modified:
            return Fetched(None, kind.filename, wanted.state)
        export = f"{DRIVE_FILES_API_V3_URL}/{wanted.location}/export"
        content = bytes(api.request("get", export, params={"mimeType": kind.exported}).content)
        if kind.filename.endswith(".html"):
            content = b"\xef\xbb\xbf" + _PICTURE.sub(b"", lean(content.decode("utf-8", "replace")))
        check_bytes(len(content), self._max_bytes, of="The document")
        digest = hashlib.sha256(content).hexdigest()
        state = {"modified": modified, "sha256": digest, "filename": kind.filename}
        return Fetched(None if wanted.state.get("sha256") == digest else content, kind.filename, state)


def _credentials(credentials: GoogleCredentials, google: GoogleSettings) -> Credentials:
    values = credentials.values
    if credentials.access == GoogleAccess.SERVICE_ACCOUNT:
        return _service(values, google)
    if "refresh_token" not in values:
        raise GoogleAccessLost("Nobody has agreed to this Google connection yet.")
    made = PersonCredentials(  # type: ignore[no-untyped-call]
        None,
        refresh_token=values["refresh_token"],
        token_uri=google.token_url,
        client_id=values["client_id"],
        client_secret=values["client_secret"],
    )
    return cast(Credentials, made)


def _service(values: Mapping[str, str], google: GoogleSettings) -> Credentials:
    info = {**values, "token_uri": google.token_url}
    made = ServiceCredentials.from_service_account_info(info, scopes=[SCOPE])  # type: ignore[no-untyped-call]
    return cast(Credentials, made)


_Send = Callable[[str, str, Mapping[str, str], bytes | None], Response]


@dataclass(frozen=True)
class _TokenAnswer:
    status: int
    headers: Mapping[str, str]
    data: bytes


class _TokenRequest(AuthRequest):
    """How google-auth asks for a token."""

    def __init__(self, send: _Send) -> None:
        self._send = send

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_more: object,
    ) -> _TokenAnswer:
        answer = self._send(method, url, headers or {}, body)
        return _TokenAnswer(answer.status, answer.headers, answer.body)


class _ApiAnswer:
    """The part of a response that gspread looks at."""

    def __init__(self, answer: Response) -> None:
        self.status_code, self.headers, self.content = answer.status, answer.headers, answer.body
        self.ok = answer.status < 400
        self.text = answer.body[:500].decode("utf-8", "replace")

    def json(self) -> object:
        parsed: object = json.loads(self.content)
        return parsed


class _ApiSession:
    """How gspread sends; its addresses are ours to choose."""

    def __init__(self, send: _Send, api_url: str, token: str) -> None:
        self._send = send
        self._api_url = api_url.rstrip("/")
        self._token = token

    def request(
        self, *, method: str, url: str, params: Mapping[str, Any] | None = None, **_more: object
    ) -> _ApiAnswer:
        address = self._api_url + url.removeprefix(_API)
        if params:
            address += "?" + urlencode(params)
        return _ApiAnswer(
            self._send(method.upper(), address, {"Authorization": f"Bearer {self._token}"}, None)
        )


def _metadata(api: HTTPClient, file_id: str) -> dict[str, Any]:
    fields: Any = {"fields": "id,name,mimeType,modifiedTime,trashed", "supportsAllDrives": "true"}
    found: dict[str, Any] = api.request("get", f"{DRIVE_FILES_API_V3_URL}/{file_id}", params=fields).json()
    if found.get("trashed"):
        raise GoogleFileGone("The document lies in Google's bin.")
    return found


def _document(found: Mapping[str, Any]) -> Document:
    for origin, kind in KINDS.items():
        if found.get("mimeType") == kind.mime:
            return Document(str(found["id"]), str(found["name"]), origin, str(found["modifiedTime"]))
    raise UnsupportedType(
        f"Google calls this file {found.get('mimeType')}; allowed are documents and spreadsheets.",
        found=found.get("mimeType"),
        allowed=[kind.mime for kind in KINDS.values()],
    )


def _list(api: HTTPClient, *, named: str | None, page: str | None) -> tuple[list[Document], str | None]:
    kinds = " or ".join(f"mimeType = '{kind.mime}'" for kind in KINDS.values())
    query = f"({kinds}) and trashed = false"
    if named:
        query += " and name contains '{}'".format(named.replace("\\", "\\\\").replace("'", "\\'"))
    params = {
        "q": query,
        "pageSize": _PAGE,
        "orderBy": "modifiedTime desc",
        "fields": "nextPageToken,files(id,name,mimeType,modifiedTime)",
        "supportsAllDrives": "true",
        "includeItemsFromAllDrives": "true",
        **({"pageToken": page} if page else {}),
    }
    found = api.request("get", DRIVE_FILES_API_V3_URL, params=cast(Any, params)).json()
    return [_document(one) for one in found.get("files", [])], found.get("nextPageToken")


def _named(refused: APIError) -> Exception:
    """Google's refusal in our words."""
    details = refused.error.get("errors") or [{}]
    reason = str(details[0].get("reason", ""))
    status = refused.response.status_code
    if status == 429 or reason in _TOO_OFTEN:
        seconds = wait_seconds(refused.response.headers.get("retry-after"))
        return AskedToWait(f"Google wants no request for {seconds} seconds.", seconds=seconds)
    if reason == "exportSizeLimitExceeded":
        return FileTooLarge("Google exports no document of this size; the limit is 10 MB.")
    if status in (401, 403):
        return GoogleAccessLost("Google does not let this connection read the document; share it again.")
    if status == 404:
        return GoogleFileGone("Google knows no such document, or hides it from this connection.")
    return PageFailed(f"Google answers {status}.", found=status)


def _object(answer: Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
