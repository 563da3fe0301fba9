from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import update

from agentflow.api.middleware import Audit
from agentflow.kit.clock import ManualClock
from agentflow.kit.db import Database
from agentflow.kit.events import read_events
from agentflow.kit.mail import MailDeps
from crm.audit import alerts
from crm.audit import service as audit
from crm.audit.note import Note, current
from crm.audit.schemas import AlertKind, AlertRead, AuditFilter, AuditRead
from crm.audit.service import AuditLog
from crm.teams import service as teams
from crm.teams.models import Team
from crm.teams.schemas import Role, TeamCreate
from tests.crm.teams.people import Office, open_office


@pytest.fixture
async def office(db: Database) -> Office:
    return await open_office(db)


@pytest.fixture
async def log(office: Office) -> AsyncIterator[AuditLog]:
    made = AuditLog(office.db)
    yield made
    await made.close()


@contextmanager
def request(office: Office, method: str = "GET", ip: str = "10.1.1.1") -> Iterator[Note]:
    """What the middleware does around a request of the admin."""
    note = Note(method, ip, "tests")
    note.action, note.record_type = "teams.some_function", "teams"
    note.by(office.admin.id, office.workspace_id, role=Role.ADMIN)
    note.armed = method != "GET"
    token = current.set(note)
    try:
        yield note
    finally:
        current.reset(token)


async def entries(office: Office, **wanted: str) -> list[AuditRead]:
    async with office.db.read() as session:
        return await audit.list_entries(
            session, office.workspace_id, AuditFilter.model_validate(wanted), after=None, limit=100
        )


async def raised(office: Office) -> list[AlertRead]:
    async with office.db.read() as session:
        return await audit.list_alerts(session, office.workspace_id, after=None, limit=100)


async def test_that_a_change_is_written_down_in_its_own_transaction(office: Office, log: AuditLog) -> None:
    with request(office, "POST") as note:
        async with office.db.transaction() as session:
            team = await teams.create_team(session, office.workspace_id, TeamCreate(name="Sales"))
        assert note.written
        await log.answered(note, 201)
    (entry,) = await entries(office)
    assert (entry.who_id, entry.who_kind, entry.role) == (office.admin.id, "staff", "admin")
    assert (entry.action, entry.record_ids, entry.ip) == ("teams.some_function", [team.id], "10.1.1.1")


async def test_that_a_change_that_is_rolled_back_leaves_what_was_answered(
    office: Office, log: AuditLog
) -> None:
    with request(office, "POST") as note:
        with pytest.raises(ZeroDivisionError):
            await create_and_fail(office)
        assert not note.written
        await log.answered(note, 409)
    assert [entry.status for entry in await entries(office)] == [409]


async def create_and_fail(office: Office) -> None:
    async with office.db.transaction() as session:
        await teams.create_team(session, office.workspace_id, TeamCreate(name="Sales"))
        raise ZeroDivisionError


async def test_that_a_change_in_bulk_whose_answer_fails_is_recorded_as_failed(
    office: Office, log: AuditLog
) -> None:
    serving = SimpleNamespace(
        state=SimpleNamespace(application=SimpleNamespace(audit=log, settings=office.db.settings))
    )
    scope = {"type": "http", "method": "POST", "path": "/api/v1/x", "headers": [], "client": ("10.1.1.1", 1)}

    async def breaks(*_: object) -> None:
        note = current.get()
        assert note is not None
        note.by(office.admin.id, office.workspace_id, role=Role.ADMIN)
        note.armed = True
        async with office.db.transaction() as session:
            await session.execute(update(Team).values(name="Renamed"))  # nothing of it is in the session
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Audit(breaks)(scope | {"app": serving}, nobody, nobody)
    assert [(entry.status, entry.ip) for entry in await entries(office)] == [(500, "10.1.1.1")]


async def nobody(*_: object) -> Any:  # noqa: ANN401
    """Neither sends a request nor reads an answer."""


async def test_that_reads_are_written_within_a_second(office: Office, log: AuditLog) -> None:
    for _ in range(5):
        with request(office) as note:
            await log.answered(note, 200)
    assert await entries(office) == []
    await asyncio.sleep(audit.BATCH_SECONDS + 0.4)
    assert [entry.status for entry in await entries(office)] == [200] * 5


async def test_that_what_waits_is_written_at_the_end_and_when_it_is_much(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "MAX_WAITING", 3)
    log = AuditLog(office.db)
    for number in range(4):
        with request(office) as note:
            await log.answered(note, 200)
        assert len(await entries(office)) == (3 if number >= 2 else 0)
    await log.close()
    assert len(await entries(office)) == 4


async def test_that_entries_are_found_by_who_what_and_when(
    office: Office, log: AuditLog, clock: ManualClock
) -> None:
    first = clock.now()
    for action in ("contacts.get_contact", "teams.get_team"):
        with request(office) as note:
            note.action = action
            note.add_ids(["ctc_0199a0b0-1111-7000-8000-000000000001", "Ann's secret", 7])
            await log.answered(note, 200)
        clock.advance(timedelta(hours=1))
    await log.flush()
    (found,) = await entries(office, action="teams.get_team")
    assert found.record_ids == ["ctc_0199a0b0-1111-7000-8000-000000000001"]
    assert len(await entries(office, record_id=found.record_ids[0])) == 2
    assert await entries(office, who="stf_somebody_else") == []
    assert len(await entries(office, until=(first + timedelta(minutes=1)).isoformat())) == 1
    assert len(await entries(office, since=(first + timedelta(minutes=1)).isoformat())) == 1
    async with office.db.read() as session:
        assert await audit.list_entries(session, "wsp_other", AuditFilter(), after=None, limit=9) == []


async def test_that_entries_are_kept_until_the_operator_says_how_long(
    office: Office, log: AuditLog, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "AT_ONCE", 2)
    for number in range(5):
        with request(office) as note:
            note.add_ids([f"ctc_0199a0b0-1111-7000-8000-00000000000{number}"])
            await log.answered(note, 200)
        await log.flush()
        clock.advance(timedelta(days=10))
    await audit.forget_old(office.db)
    assert len(await entries(office)) == 5
    office.db.settings.audit.keep_days = 25
    await audit.forget_old(office.db)
    assert [one.record_ids[0][-1] for one in await entries(office)] == ["4", "3"]
    async with office.db.engine.connect() as connection:
        left = await connection.exec_driver_sql("SELECT count(*) FROM audit_records")
        assert left.scalar_one() == 2


async def fail(office: Office, email: str, ip: str, times: int) -> None:
    for _ in range(times):
        note = Note("POST", ip, "tests")
        token = current.set(note)
        await alerts.log_in_failed(office.db, email=email)
        current.reset(token)


async def test_that_many_failed_log_ins_raise_one_alert_and_one_mail(
    office: Office, clock: ManualClock
) -> None:
    await fail(office, "ada@shop.example", "10.0.0.1", alerts.FAILED - 1)
    clock.advance(alerts.FAILED_TIME)
    for number in range(alerts.FAILED - 1):
        await fail(office, "ADA@shop.example", f"10.0.1.{number}", 1)
    assert await raised(office) == []
    await fail(office, "ada@shop.example", "10.0.2.1", 3)
    (alert,) = await raised(office)
    assert (alert.kind, alert.subject, alert.count) == (
        AlertKind.FAILED_LOG_INS,
        office.admin.id,
        alerts.FAILED,
    )
    assert len(await entries(office, action=alerts.LOG_IN_FAILED)) == 2 * (alerts.FAILED - 1) + 3
    (job,) = office.jobs.named("security_alert")
    await alerts.mail(MailDeps(office.db, office.post), str(job.ids[0]))
    assert office.post.mails[0].to == ("ada@shop.example",)
    assert "10 log-ins failed within 15 minutes (Ada, ada@shop.example)" in office.post.mails[0].text
    async with office.db.read() as session:
        told = await read_events(session, office.workspace_id, after=0, kinds=[alerts.EVENT])
    assert [event.payload["alert_id"] for event in told] == [alert.id]


async def test_that_one_place_that_tries_many_addresses_is_seen(office: Office) -> None:
    await fail(office, "nobody@shop.example", "6.6.6.6", alerts.FAILED)
    assert await raised(office) == []  # nobody here was tried
    await fail(office, "ada@shop.example", "6.6.6.6", 2)
    (alert,) = await raised(office)
    assert (alert.subject, alert.count) == ("6.6.6.6", alerts.FAILED + 1)


@pytest.mark.parametrize("lines", [(1000,), (400, 600), (1, 1, 1)])
async def test_that_a_mass_export_raises_one_alert(office: Office, lines: tuple[int, ...]) -> None:
    for count in (*lines[:-1], lines[-1]):
        assert await raised(office) == []
        with request(office) as note:
            await alerts.contacts_exported(office.db, note, count)
    with request(office) as note:
        await alerts.contacts_exported(office.db, note, 5)
    (alert,) = await raised(office)
    assert (alert.kind, alert.subject, alert.count) == (AlertKind.MASS_EXPORT, office.admin.id, sum(lines))


async def test_that_small_exports_now_and_then_are_no_news(office: Office, clock: ManualClock) -> None:
    for _ in range(6):
        with request(office) as note:
            await alerts.contacts_exported(office.db, note, 450)
        clock.advance(timedelta(minutes=31))
    assert await raised(office) == []
