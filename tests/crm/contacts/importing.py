"""An import led from its upload to its end, in either store; the jobs are run at once, here."""

from __future__ import annotations

from collections.abc import Mapping as Pairs
from dataclasses import dataclass

from sqlalchemy import func, select

from agentflow.kit.db import Database
from crm.contacts.imports import run
from crm.contacts.imports import service as imports
from crm.contacts.imports.schemas import ImportDetail, Mapping, RowOutcome
from crm.contacts.models import Contact
from crm.contacts.properties import service as properties
from crm.contacts.properties.schemas import PropertyCreate
from crm.contacts.schemas import PropertyType
from crm.teams import service as teams
from crm.teams.schemas import Role, Scope
from crm.teams.service import Principal
from knowledge.reading import ReaderPool
from tests.talk import JobRecorder


@dataclass
class Desk:
    """A workspace in the Netherlands that imports."""

    db: Database
    pool: ReaderPool
    who: Principal

    @property
    def workspace_id(self) -> str:
        return self.who.workspace_id

    async def upload(self, name: str, content: bytes, sheet: str | None = None) -> ImportDetail:
        return await imports.upload(self.db, self.pool, self.who, filename=name, content=content, sheet=sheet)

    async def map(self, import_id: str, mapping: Mapping) -> ImportDetail:
        async with self.db.transaction() as session:
            return await imports.set_mapping(session, self.who, import_id, mapping)

    async def map_as_suggested(
        self, made: ImportDetail, more: Pairs[int, str] | None = None, **policies: str
    ) -> ImportDetail:
        columns: list[dict[str, object]] = [
            {"column": one.column, "target": one.target} for one in made.suggestions
        ]
        columns += [{"column": column, "target": target} for column, target in (more or {}).items()]
        return await self.map(made.id, Mapping.model_validate({"columns": columns, **policies}))

    async def check(self, import_id: str) -> ImportDetail:
        async with self.db.transaction() as session:
            await imports.start_dry_run(session, self.workspace_id, import_id)
        jobs = self.db.jobs
        assert isinstance(jobs, JobRecorder)
        _, revision = jobs.named("contact_import_check")[-1].ids
        await run.check(self.db, import_id, int(revision))
        return await self.get(import_id)

    async def commit(self, import_id: str) -> ImportDetail:
        async with self.db.transaction() as session:
            await imports.commit(session, self.who, import_id)
        await run.commit(self.db, import_id)
        return await self.get(import_id)

    async def get(self, import_id: str) -> ImportDetail:
        async with self.db.read() as session:
            return await imports.get(session, self.workspace_id, import_id)

    async def whole(self, name: str, content: bytes, **policies: str) -> ImportDetail:
        made = await self.upload(name, content)
        await self.map_as_suggested(made, None, **policies)
        await self.check(made.id)
        return await self.commit(made.id)

    async def refused(self, import_id: str, outcome: RowOutcome = RowOutcome.FAILED) -> str:
        lines = await imports.refused_rows(self.db, self.workspace_id, import_id, outcome)
        return "".join([line async for line in lines])

    async def count(self) -> int:
        async with self.db.read() as session:
            query = select(func.count()).select_from(Contact).where(Contact.workspace_id == self.workspace_id)
            return int((await session.execute(query)).scalar_one())

    async def define(self, key: str, name: str, kind: PropertyType, choices: tuple[str, ...] = ()) -> None:
        async with self.db.transaction() as session:
            data = PropertyCreate(key=key, name=name, type=kind, choices=list(choices))
            await properties.create_property(session, self.workspace_id, data)


async def make_desk(db: Database, pool: ReaderPool) -> Desk:
    db.jobs = JobRecorder()
    async with db.transaction() as session:
        made = await teams.create_workspace(session, name="Bikes", time_zone="Europe/Amsterdam", locale="nl")
        staff = await teams.create_staff_member(
            session, made.id, email=f"eva@{made.id}.example", name="Eva", password_hash="x", role=Role.ADMIN
        )
    return Desk(db, pool, Principal(staff.id, made.id, frozenset(Scope), staff_id=staff.id, role=Role.ADMIN))
