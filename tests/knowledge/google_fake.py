"""Google on this machine: the token endpoint, which checks signatures, and the part of Drive that is used."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from agentflow.kit.settings import Settings
from tests.knowledge.websites import fetching

DOC = "application/vnd.google-apps.document"
SHEET = "application/vnd.google-apps.spreadsheet"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ACCOUNT = "reader@project.iam.gserviceaccount.example"
CLIENT = {"client_id": "client-1", "client_secret": "very secret"}
SCOPE = "https://www.googleapis.com/auth/drive.readonly"
DOC_ID, SHEET_ID, OTHER_ID = "doc_0123456789", "sheet_0123456789", "other_0123456789"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PAGE = 2


@dataclass
class File:
    """One file of the account."""

    name: str
    mime: str
    content: bytes
    modified: int = 1
    trashed: bool = False
    shared: bool = True

    @property
    def modified_time(self) -> str:
        return f"2026-03-{self.modified:02}T10:00:00.000Z"


@dataclass
class Google:
    """What the account holds, and who asked for what."""

    files: dict[str, File] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    codes: dict[str, str] = field(default_factory=lambda: {"good code": "refresh-1"})
    revoked: set[str] = field(default_factory=set)
    busy: int = 0  # so many further requests get 429
    tokens: set[str] = field(default_factory=set)
    url: str = ""

    @property
    def exported(self) -> list[str]:
        return [path.split("/")[4] for path in self.asked if path.endswith("/export")]

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        grant = form.get("grant_type")
        if grant == "urn:ietf:params:oauth:grant-type:jwt-bearer":
            wrong = self.check_assertion(str(form["assertion"]))
            who = ACCOUNT
        else:
            wrong = self.check_client({name: str(value) for name, value in form.items()})
            who = self.codes.get(str(form.get("code")), str(form.get("refresh_token", "")))
        if wrong or who in self.revoked:
            answer = {"error": "invalid_grant", "error_description": wrong or "Token has been revoked."}
            return web.json_response(answer, status=400)
        token = f"ya29.{len(self.tokens)}"
        self.tokens.add(token)
        granted = {"access_token": token, "expires_in": 3599, "token_type": "Bearer", "scope": SCOPE}
        if grant == "authorization_code":
            granted["refresh_token"] = who
        return web.json_response(granted)

    def check_assertion(self, assertion: str) -> str:
        """What is wrong with a signed assertion, or nothing."""
        head, claims, signature = assertion.split(".")
        KEY.public_key().verify(
            _bytes(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
        )
        said, now = json.loads(_bytes(claims)), time.time()
        right = (
            json.loads(_bytes(head))["alg"] == "RS256"
            and said["iss"] == ACCOUNT
            and said["aud"] == "https://oauth2.googleapis.com/token"  # of whichever door is used
            and said["scope"] == SCOPE
            and said["iat"] <= now + 60 < said["exp"] <= now + 3660
        )
        return "" if right else "Invalid JWT"

    def check_client(self, form: Mapping[str, str]) -> str:
        if any(form.get(name) != value for name, value in CLIENT.items()):
            return "The OAuth client was not found."
        if form["grant_type"] == "authorization_code":
            right = form["code"] in self.codes and form["redirect_uri"].endswith("/admin")
            return "" if right else "Malformed auth code."
        return "" if form.get("refresh_token") in self.codes.values() else "Bad refresh token."

    async def drive(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return refusal(401, "authError", "Invalid Credentials")
        if self.busy:
            self.busy -= 1
            return refusal(429, "rateLimitExceeded", "Rate limit exceeded", {"Retry-After": "33"})
        file_id = request.match_info.get("id")
        if file_id is None:
            return self.listing(request.query)
        file = self.files.get(file_id)
        if file is None:
            return refusal(404, "notFound", f"File not found: {file_id}.")
        if not file.shared:
            return refusal(403, "insufficientFilePermissions", "No permission.")
        if not request.path.endswith("/export"):
            return web.json_response(described(file_id, file) | {"trashed": file.trashed})
        expected = {DOC: "text/html", SHEET: XLSX}[file.mime]
        if request.query["mimeType"] != expected:
            return refusal(400, "badRequest", "The requested conversion is not supported.")
        if len(file.content) > 10_000_000:
            return refusal(403, "exportSizeLimitExceeded", "This file is too large to be exported.")
        return web.Response(body=file.content, content_type=expected)

    def listing(self, query: Mapping[str, str]) -> web.Response:
        assert "trashed = false" in query["q"]
        named = re.search(r"name contains '((?:\\.|[^'])*)'", query["q"])
        word = re.sub(r"\\(.)", r"\1", named.group(1)) if named else ""
        found = [
            described(key, file)
            for key, file in sorted(self.files.items(), key=lambda item: -item[1].modified)
            if file.mime in query["q"] and word in file.name and not file.trashed and file.shared
        ]
        first = int(query.get("pageToken", "~0")[1:])
        answer: dict[str, Any] = {"files": found[first : first + PAGE]}
        if first + PAGE < len(found):
            answer["nextPageToken"] = f"~{first + PAGE}"
        return web.json_response(answer)


def described(key: str, file: File) -> dict[str, Any]:
    return {"id": key, "name": file.name, "mimeType": file.mime, "modifiedTime": file.modified_time}


def refusal(status: int, reason: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    error = {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}
    return web.json_response({"error": error}, status=status, headers=headers)


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def key_file() -> dict[str, str]:
    """What Google gives an admin to download; its addresses must not be used."""
    private = KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "type": "service_account",
        "project_id": "project",
        "private_key_id": "1",
        "private_key": private.decode(),
        "client_email": ACCOUNT,
        "token_uri": "http://10.0.0.1/token",
    }


@asynccontextmanager
async def google_here() -> AsyncIterator[Google]:
    google = Google()
    app = web.Application()
    app.router.add_post("/token", google.token)
    app.router.add_get("/drive/v3/files", google.drive)
    app.router.add_get("/drive/v3/files/{id}", google.drive)
    app.router.add_get("/drive/v3/files/{id}/export", google.drive)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    google.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    google.files[DOC_ID] = File("Policies", DOC, b"<h1>Returns</h1><p>30 days.</p>", 3)
    google.files[SHEET_ID] = File("Prices", SHEET, b"PK\x03\x04 not read here", 2)
    google.files[OTHER_ID] = File("Bob's diary", DOC, b"<p>Secret.</p>", 1)
    google.files["picture_0123456789"] = File("Picture", "image/png", b"", 9)
    try:
        yield google
    finally:
        await runner.cleanup()


def settings_for(google: Google) -> Settings:
    """Nothing but Google's doors is allowed."""
    settings = fetching(allow=())
    doors = {"api_url": google.url, "token_url": f"{google.url}/token"}
    return settings.model_copy(update={"google": settings.google.model_copy(update=doors)})
