"""The rules of model connections: one from the environment, the rest by API, a circuit for a refused key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit import events
from agentflow.kit.bin import check_restorable, erase_expired
from agentflow.kit.db import Database, now
from agentflow.kit.ids import new_id
from agentflow.kit.settings import Settings
from agentflow.llm import repository
from agentflow.llm.errors import ConnectionFromEnvironment, ConnectionNotFound
from agentflow.llm.models import ModelConnection
from agentflow.llm.schemas import ModelConnectionCreate, ModelConnectionRead, ModelConnectionUpdate

CIRCUIT_MINUTES = 15


async def ensure_environment_connection(
    session: AsyncSession, workspace_id: str, settings: Settings
) -> ModelConnection | None:
    """Make the connection that OPENAI_API_KEY describes, bring it up to date, or remove it without a key.

    A changed key, address or model closes an open circuit: the operator has mended something.
    """
    known = await repository.find_environment_connection(session, workspace_id)
    if settings.openai_api_key is None:
        if known is not None:
            known.deleted_at = now(session)
        return None
    wanted: dict[str, str] = {
        "base_url": settings.openai_base_url.rstrip("/"),
        "model": settings.model,
        "api_key": settings.openai_api_key.get_secret_value(),
    }
    if known is None:
        known = _new(session, workspace_id, name="environment", position=0, by_environment=True, **wanted)
        session.add(known)
    elif any(getattr(known, field) != value for field, value in wanted.items()):
        _change(session, known, wanted)
    await session.flush()
    return known


async def create_connection(
    session: AsyncSession, workspace_id: str, data: ModelConnectionCreate
) -> ModelConnection:
    """A connection entered by a person. The caller has checked its address (kit.egress) before."""
    connection = _new(
        session,
        workspace_id,
        name=data.name,
        base_url=data.base_url,
        model=data.model,
        api_key=_plain(data.api_key),
        position=data.position,
        by_environment=False,
    )
    session.add(connection)
    await session.flush()
    return connection


async def update_connection(
    session: AsyncSession, workspace_id: str, connection_id: str, data: ModelConnectionUpdate
) -> ModelConnection:
    """Change what is given; any change closes an open circuit. The caller has checked a new address before.

    Raises ConnectionNotFound, and ConnectionFromEnvironment for the one that variables describe.
    """
    connection = await _own(session, workspace_id, connection_id)
    changes: dict[str, object] = data.model_dump(exclude_none=True, exclude={"api_key"})
    if data.api_key is not None:
        changes["api_key"] = _plain(data.api_key)
    elif data.base_url is not None and data.base_url != connection.base_url:
        changes["api_key"] = None  # a key never follows to an address it was not entered for
    _change(session, connection, changes)
    await session.flush()
    return connection


async def get_connection(session: AsyncSession, workspace_id: str, connection_id: str) -> ModelConnection:
    """The connection. Raises ConnectionNotFound."""
    connection = await repository.find_connection(session, workspace_id, connection_id)
    if connection is None:
        raise ConnectionNotFound("There is no such model connection.")
    return connection


async def list_connections(
    session: AsyncSession,
    workspace_id: str,
    *,
    after: str | None = None,
    limit: int = 50,
    deleted: bool = False,
) -> list[ModelConnection]:
    """Connections by id, oldest first, after the id given; those in the bin when `deleted`."""
    return await repository.list_connections(session, workspace_id, after=after, limit=limit, deleted=deleted)


async def delete_connection(session: AsyncSession, workspace_id: str, connection_id: str) -> None:
    """Put a connection into the bin. Raises ConnectionNotFound and ConnectionFromEnvironment."""
    connection = await _own(session, workspace_id, connection_id)
    connection.deleted_at = now(session)


async def restore_connection(session: AsyncSession, workspace_id: str, connection_id: str) -> ModelConnection:
    """Take a connection out of the bin within 30 days. Raises ConnectionNotFound, TooLateToRestore."""
    connection = await repository.find_binned_connection(session, workspace_id, connection_id)
    if connection is None or connection.created_by_environment:
        raise ConnectionNotFound("There is no such model connection in the bin.")
    check_restorable(session, connection.deleted_at)
    connection.deleted_at = None
    return connection


async def purge(db: Database) -> None:
    """Erase connections, with their keys, that were in the bin for their time."""
    await erase_expired(db, ModelConnection)


async def usable_connections(session: AsyncSession, workspace_id: str) -> Sequence[ModelConnection]:
    """Those to try for an answer, in order; one with an open circuit is left out."""
    return await repository.usable_connections(session, workspace_id, at=now(session))


async def open_circuit(session: AsyncSession, workspace_id: str, connection_id: str, *, alert: str) -> bool:
    """Leave a connection alone for 15 minutes and say why. False when it was already left alone.

    Publishes `model_connection_refused` on the connection's own stream, which staff may read.
    """
    connection = await repository.find_connection(session, workspace_id, connection_id)
    at = now(session)
    if connection is None or (connection.circuit_open_until and connection.circuit_open_until > at):
        return False
    connection.circuit_open_until = at + timedelta(minutes=CIRCUIT_MINUTES)
    connection.alert = alert
    payload = {"id": connection.id, "name": connection.name, "alert": alert}
    events.publish(
        session, workspace_id, stream=connection.id, kind="model_connection_refused", payload=payload
    )
    return True


def read_connection(connection: ModelConnection) -> ModelConnectionRead:
    """The record as the API shows it, without the key."""
    return ModelConnectionRead(
        id=connection.id,
        name=connection.name,
        base_url=connection.base_url,
        model=connection.model,
        position=connection.position,
        has_key=connection.api_key is not None,
        created_by_environment=connection.created_by_environment,
        circuit_open_until=connection.circuit_open_until,
        alert=connection.alert,
        created_at=connection.created_at,
        updated_at=connection.updated_at,
        deleted_at=connection.deleted_at,
    )


async def _own(session: AsyncSession, workspace_id: str, connection_id: str) -> ModelConnection:
    connection = await get_connection(session, workspace_id, connection_id)
    if connection.created_by_environment:
        raise ConnectionFromEnvironment(
            "This connection comes from OPENAI_API_KEY, OPENAI_BASE_URL and AGENTFLOW_MODEL; change it there."
        )
    return connection


def _new(
    session: AsyncSession,
    workspace_id: str,
    *,
    name: str,
    base_url: str,
    model: str,
    api_key: str | None,
    position: int,
    by_environment: bool,
) -> ModelConnection:
    at = now(session)
    return ModelConnection(
        id=new_id("mcn"),
        workspace_id=workspace_id,
        name=name,
        base_url=base_url,
        model=model,
        api_key=api_key,
        position=position,
        created_by_environment=by_environment,
        created_at=at,
        updated_at=at,
    )


def _change(session: AsyncSession, connection: ModelConnection, changes: Mapping[str, object]) -> None:
    for field, value in changes.items():
        setattr(connection, field, value)
    connection.circuit_open_until = None
    connection.alert = None
    connection.updated_at = now(session)


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret is not None else None
