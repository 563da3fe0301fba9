"""Google connections: a service account's key, or a person's consent; and the documents to pick from."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import Database, now
from agentflow.kit.errors import InvalidInput, NotFound
from agentflow.kit.ids import new_id
from agentflow.kit.settings import Settings
from knowledge import repository
from knowledge.models import GoogleAccess, GoogleConnection
from knowledge.schemas import (
    GoogleConnectionCreate,
    GoogleConnectionRead,
    GoogleConsent,
    GoogleSourceCreate,
)
from knowledge.sync import NewSource, credentials_of

if TYPE_CHECKING:  # the routes know this file, and Google's libraries are not for every start
    from knowledge.origins.google import Document, GoogleOrigin

CONSENT_PAGE = "/admin"  # Google sends the browser back there


async def connect(
    session: AsyncSession,
    settings: Settings,
    google: GoogleOrigin,
    workspace_id: str,
    create: GoogleConnectionCreate,
) -> GoogleConnection:
    """A new connection. Raises InvalidInput for a file that is no service account's key."""
    if create.service_account is not None:
        access, values = GoogleAccess.SERVICE_ACCOUNT, google.check_key_file(create.service_account)
    else:
        access = GoogleAccess.OAUTH
        values = {
            "client_id": create.client_id or "",
            "client_secret": create.client_secret or "",
            "redirect_uri": settings.public_url + CONSENT_PAGE,
        }
    made = GoogleConnection(
        id=new_id("gcn"),
        workspace_id=workspace_id,
        name=create.name,
        access=access,
        authorised=access == GoogleAccess.SERVICE_ACCOUNT,
        created_at=now(session),
    )
    if access == GoogleAccess.OAUTH:  # the browser comes back with it: only who began may end
        values["state"] = f"{made.id}.{secrets.token_urlsafe(24)}"
    made.credentials = json.dumps(values)
    session.add(made)
    await session.flush()
    return made


async def get_connection(session: AsyncSession, workspace_id: str, connection_id: str) -> GoogleConnection:
    """One connection. Raises NotFound."""
    found = await repository.find_google_connection(session, workspace_id, connection_id)
    if found is None:
        raise NotFound("There is no such Google connection.", code="google_connection_not_found")
    return found


async def list_connections(session: AsyncSession, workspace_id: str) -> list[GoogleConnection]:
    """All of a workspace, oldest first."""
    return await repository.list_google_connections(session, workspace_id)


async def disconnect(session: AsyncSession, workspace_id: str, connection_id: str) -> None:
    """Forget a connection; its sources keep what they have and say that they cannot be fetched."""
    await session.delete(await get_connection(session, workspace_id, connection_id))


async def authorise(
    db: Database, google: GoogleOrigin, workspace_id: str, connection_id: str, consent: GoogleConsent
) -> GoogleConnection:
    """End what the consent page began. Raises InvalidInput for a consent that was not begun here."""
    async with db.read() as session:
        connection = await get_connection(session, workspace_id, connection_id)
    credentials = credentials_of(connection)
    expected = credentials.values.get("state", "")
    if not expected or not secrets.compare_digest(expected.encode(), consent.state.encode()):
        raise InvalidInput("This consent was not begun here; open the consent page again.", code="bad_state")
    token = await google.exchange(credentials, consent.code)
    async with db.transaction() as session:
        connection = await get_connection(session, workspace_id, connection_id)
        connection.credentials = json.dumps({**credentials.values, "refresh_token": token})
        connection.authorised = True
    return connection


async def documents(
    db: Database,
    google: GoogleOrigin,
    workspace_id: str,
    connection_id: str,
    *,
    named: str | None,
    page: str | None,
) -> tuple[list[Document], str | None]:
    """What may be picked, and the mark of the next page."""
    async with db.read() as session:
        connection = await get_connection(session, workspace_id, connection_id)
    return await google.documents(credentials_of(connection), named=named, page=page)


async def pick(
    db: Database, google: GoogleOrigin, workspace_id: str, create: GoogleSourceCreate
) -> NewSource:
    """The source that one document becomes. Raises GoogleFileGone, GoogleAccessLost, UnsupportedType."""
    async with db.read() as session:
        connection = await get_connection(session, workspace_id, create.connection_id)
    found = await google.describe(credentials_of(connection), create.file_id)
    return NewSource(
        origin=found.kind,
        location=found.id,
        name=create.name or _name(found),
        public=create.public,
        every_seconds=create.every_seconds(db.settings.sync.every_seconds),
        connection_id=connection.id,
    )


def _name(found: Document) -> str:
    """Google's name for a document, as one line that is not too long."""
    return "".join(letter for letter in found.name if letter.isprintable()).strip()[:255] or found.id


def read_connection(connection: GoogleConnection, google: GoogleOrigin) -> GoogleConnectionRead:
    """A connection as callers see it."""
    credentials = credentials_of(connection)
    values = credentials.values
    return GoogleConnectionRead(
        id=connection.id,
        name=connection.name,
        access=GoogleAccess(connection.access),
        account=values.get("client_email") or values.get("client_id", ""),
        authorised=connection.authorised,
        consent_url=None if connection.authorised else google.consent_url(credentials),
        created_at=connection.created_at,
    )
