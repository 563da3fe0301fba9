"""A workspace with an admin, and mails that are kept, for tests of people in both stores."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from agentflow.kit.db import Database
from agentflow.kit.mail import Mail, MailDeps
from crm.teams import service as teams
from crm.teams.models import StaffMember
from crm.teams.permissions import SCOPES
from crm.teams.schemas import Role
from crm.teams.service import Principal
from crm.teams.staff import links
from tests.people import quick_hash
from tests.talk import JobRecorder

PASSWORD = "correct horse battery"
HASH = quick_hash(PASSWORD)


@dataclass
class Post:
    """Keeps the mails, as a mailbox does."""

    mails: list[Mail] = field(default_factory=list)

    async def send(self, mail: Mail) -> None:
        self.mails.append(mail)


@dataclass
class Office:
    """The workspace, its admin, and what was mailed."""

    db: Database
    jobs: JobRecorder
    post: Post
    workspace_id: str
    admin: Principal

    async def deliver(self) -> None:
        """Run the jobs that mail."""
        for job in self.jobs.named("staff_mail"):
            await links.mail(MailDeps(self.db, self.post), str(job.ids[0]))

    async def newest_link(self) -> str:
        """The token in the newest mail."""
        await self.deliver()
        found = re.search(r"/admin#(?:invite|reset)=(\S+)", self.post.mails[-1].text)
        assert found is not None
        return found[1]

    async def add(self, email: str, role: Role) -> Principal:
        """Somebody who has a password."""
        async with self.db.transaction() as session:
            made = await teams.create_staff_member(
                session, self.workspace_id, email=email, name=email, password_hash=HASH, role=role
            )
            made.must_change_password = False
        return principal(made)


def principal(staff: StaffMember) -> Principal:
    role = Role(staff.role)
    return Principal(
        id=staff.id, workspace_id=staff.workspace_id, scopes=SCOPES[role], staff_id=staff.id, role=role
    )


async def open_office(db: Database, email: str = "ada@shop.example") -> Office:
    jobs = JobRecorder()
    db.jobs = jobs
    async with db.transaction() as session:
        workspace = await teams.create_workspace(session, name="Shop", time_zone="UTC", locale="en")
        staff = await teams.create_staff_member(
            session, workspace.id, email=email, name="Ada", password_hash=HASH, role=Role.ADMIN
        )
        staff.must_change_password = False
    return Office(db, jobs, Post(), workspace.id, principal(staff))
