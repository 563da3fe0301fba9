"""Staff members for tests over HTTP, each test its own: log-in limits and passwords are not shared."""

from __future__ import annotations

import asyncio
import email.policy
import itertools
import re
from dataclasses import dataclass
from pathlib import Path

import httpx
from argon2 import PasswordHasher

from agentflow.kit.db import Database
from agentflow.kit.settings import Settings
from crm.teams import service as teams
from crm.teams.schemas import Role
from tests.e2e.live import LiveApp

FIRST = "first-password-to-change"
NEW = "correct-horse-battery"
_numbers = itertools.count(1)


def quick_hash(password: str) -> str:
    """As ours, but checked in a millisecond: how much work that is stands in the hash itself."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(password)


@dataclass(frozen=True)
class Person:
    """Somebody who has not logged in yet."""

    email: str
    password: str
    workspace_id: str


def add_person(app: LiveApp, workspace_id: str | None = None, *, role: Role = Role.ADMIN) -> Person:
    """A new staff member on a running server; without a workspace in one of their own."""
    address = f"staff-{next(_numbers)}@example.com"

    async def add() -> str:
        db = Database(Settings.model_validate({"home": app.home, "database_url": app.database_url}))
        async with db.transaction() as session:
            workspace = workspace_id
            if workspace is None:
                made = await teams.create_workspace(session, name=address, time_zone="UTC", locale="en")
                workspace = made.id
            await teams.create_staff_member(
                session, workspace, email=address, name="Ada", password_hash=quick_hash(FIRST), role=role
            )
        await db.close()
        return workspace

    return Person(address, FIRST, asyncio.run(add()))


def mailed_link(app: LiveApp, to: str, kind: str = "invite") -> str:
    """The token in the newest such mail to an address, once the server has written it."""

    def newest() -> str | None:
        for file in sorted(Path(app.home / "mail").glob("*.eml"), reverse=True):
            mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
            body = mail.get_body() if mail["To"] == to else None
            found = re.search(rf"/admin#{kind}=(\S+)", body.get_content()) if body is not None else None
            if found:
                return found[1]
        return None

    app.wait_until(newest, 20)
    return str(newest())


def browser_of(app: LiveApp) -> httpx.Client:
    """A client that keeps cookies, as a browser does."""
    return httpx.Client(base_url=f"{app.url}/api/v1", timeout=30)


def log_in(browser: httpx.Client, person: Person) -> str:
    """Log in with the first password, change it, and send the CSRF token from then on; returns the token."""
    answer = browser.post("/auth/login", json={"email": person.email, "password": person.password})
    assert answer.status_code == 200, answer.text
    token = str(answer.json()["csrf_token"])
    browser.headers["X-CSRF-Token"] = token
    changed = browser.post("/auth/password", json={"current": person.password, "new": NEW})
    assert changed.status_code == 204, changed.text
    return token
