"""Connections: the environment's own one, keys that never come out, circuits that open once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import SecretStr, ValidationError
from sqlalchemy import text

from agentflow.kit import events
from agentflow.kit.bin import TooLateToRestore
from agentflow.kit.clock import ManualClock
from agentflow.kit.db import Database
from agentflow.kit.settings import Settings
from agentflow.llm import service
from agentflow.llm.errors import ConnectionFromEnvironment, ConnectionNotFound
from agentflow.llm.schemas import ModelConnectionCreate, ModelConnectionUpdate
from crm.teams import service as teams

KEY = "sk-test-secret"


@pytest.fixture
async def workspace_id(db: Database) -> str:
    async with db.transaction() as session:
        return (await teams.create_workspace(session, name="Shop", time_zone="UTC", locale="en")).id


def entered(name: str = "Local", position: int = 10) -> ModelConnectionCreate:
    return ModelConnectionCreate(
        name=name,
        base_url="https://models.example/v1/",
        model="m",
        api_key=SecretStr(KEY),
        position=position,
    )


async def test_that_the_environment_makes_one_connection_and_keeps_it_up_to_date(
    db: Database, settings: Settings, workspace_id: str
) -> None:
    async with db.transaction() as session:
        assert await service.ensure_environment_connection(session, workspace_id, settings) is None
    settings.openai_api_key = SecretStr(KEY)
    settings.openai_base_url = "http://127.0.0.1:9999/v1"
    for model in ("one", "one", "two"):
        settings.model = model
        async with db.transaction() as session:
            await service.ensure_environment_connection(session, workspace_id, settings)
    async with db.read() as session:
        (only,) = await service.list_connections(session, workspace_id)
    assert (only.model, only.base_url, only.created_by_environment) == (
        "two",
        "http://127.0.0.1:9999/v1",
        True,
    )
    settings.openai_api_key = None
    async with db.transaction() as session:
        await service.ensure_environment_connection(session, workspace_id, settings)
        assert await service.list_connections(session, workspace_id) == []


async def test_that_a_mended_environment_closes_the_circuit(
    db: Database, settings: Settings, workspace_id: str
) -> None:
    settings.openai_api_key = SecretStr(KEY)
    async with db.transaction() as session:
        made = await service.ensure_environment_connection(session, workspace_id, settings)
        assert made is not None
        await service.open_circuit(session, workspace_id, made.id, alert="HTTP 401")
        await service.ensure_environment_connection(session, workspace_id, settings)
        assert await service.usable_connections(session, workspace_id) == []
        settings.openai_api_key = SecretStr("sk-new")
        await service.ensure_environment_connection(session, workspace_id, settings)
        assert len(await service.usable_connections(session, workspace_id)) == 1


async def test_that_the_key_is_stored_unreadable_and_never_shown(db: Database, workspace_id: str) -> None:
    async with db.transaction() as session:
        connection = await service.create_connection(session, workspace_id, entered())
    shown = service.read_connection(connection)
    assert shown.has_key
    assert KEY not in shown.model_dump_json()
    async with db.engine.connect() as raw:
        (stored,) = (await raw.exec_driver_sql("SELECT api_key FROM model_connections")).one()
    assert KEY not in stored


async def test_that_a_new_address_drops_the_key_entered_for_the_old_one(
    db: Database, workspace_id: str
) -> None:
    async with db.transaction() as session:
        connection = await service.create_connection(session, workspace_id, entered())
        same = ModelConnectionUpdate(base_url="https://models.example/v1", name="Renamed")
        await service.update_connection(session, workspace_id, connection.id, same)
        assert connection.api_key == KEY
        elsewhere = ModelConnectionUpdate(base_url="https://other.example/v1")
        await service.update_connection(session, workspace_id, connection.id, elsewhere)
        assert connection.api_key is None


async def test_that_connections_are_tried_in_their_order(db: Database, workspace_id: str) -> None:
    async with db.transaction() as session:
        for name, position in (("second", 20), ("first", 10), ("last", 30)):
            await service.create_connection(session, workspace_id, entered(name, position))
        usable = await service.usable_connections(session, workspace_id)
    assert [connection.name for connection in usable] == ["first", "second", "last"]


async def test_that_an_open_circuit_is_skipped_for_a_while_and_told_once(
    db: Database, clock: ManualClock, workspace_id: str
) -> None:
    async with db.transaction() as session:
        connection = await service.create_connection(session, workspace_id, entered())
        opened = [
            await service.open_circuit(session, workspace_id, connection.id, alert="HTTP 401")
            for _ in range(2)
        ]
        assert opened == [True, False]
        assert await service.usable_connections(session, workspace_id) == []
        assert service.read_connection(connection).alert == "HTTP 401"
    async with db.read() as session:
        told = await events.read_events(session, workspace_id, after=0)
        assert [event.kind for event in told] == ["model_connection_refused"]
    clock.advance(timedelta(minutes=service.CIRCUIT_MINUTES))
    async with db.read() as session:
        assert len(await service.usable_connections(session, workspace_id)) == 1


async def test_that_another_workspace_does_not_see_a_connection(db: Database, workspace_id: str) -> None:
    async with db.transaction() as session:
        connection = await service.create_connection(session, workspace_id, entered())
        with pytest.raises(ConnectionNotFound):
            await service.get_connection(session, "wsp_other", connection.id)
        with pytest.raises(ConnectionNotFound):
            await service.delete_connection(session, "wsp_other", connection.id)
        assert await service.list_connections(session, "wsp_other") == []
        assert not await service.open_circuit(session, "wsp_other", connection.id, alert="x")


async def test_that_a_deleted_connection_comes_back_within_thirty_days(
    db: Database, clock: ManualClock, workspace_id: str
) -> None:
    async with db.transaction() as session:
        connection = await service.create_connection(session, workspace_id, entered())
        await service.delete_connection(session, workspace_id, connection.id)
        assert await service.usable_connections(session, workspace_id) == []
    clock.advance(timedelta(days=29))
    async with db.transaction() as session:
        await service.restore_connection(session, workspace_id, connection.id)
        await service.delete_connection(session, workspace_id, connection.id)
    clock.advance(timedelta(days=31))
    async with db.transaction() as session:
        with pytest.raises(TooLateToRestore):
            await service.restore_connection(session, workspace_id, connection.id)
    await service.purge(db)
    async with db.read() as session:
        assert (await session.execute(text("SELECT count(*) FROM model_connections"))).scalar_one() == 0


async def test_that_the_environments_connection_is_changed_there_only(
    db: Database, settings: Settings, workspace_id: str
) -> None:
    settings.openai_api_key = SecretStr(KEY)
    async with db.transaction() as session:
        made = await service.ensure_environment_connection(session, workspace_id, settings)
        assert made is not None
        with pytest.raises(ConnectionFromEnvironment):
            await service.update_connection(session, workspace_id, made.id, ModelConnectionUpdate(model="x"))
        with pytest.raises(ConnectionFromEnvironment):
            await service.delete_connection(session, workspace_id, made.id)


@pytest.mark.parametrize(
    "address", ["ftp://models.example", "models.example/v1", "http://", "https://u@h/v1"]
)
def test_that_an_address_must_be_a_web_address_without_a_user(address: str) -> None:
    with pytest.raises(ValidationError):
        ModelConnectionCreate(name="x", base_url=address, model="m")
