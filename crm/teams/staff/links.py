"""Mailed links that let somebody choose a password once: of an invitation, or for a forgotten password."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import Database, now
from agentflow.kit.jobs import enqueue
from agentflow.kit.mail import Mail, MailDeps
from crm.teams.errors import LinkNotValid
from crm.teams.models import StaffMember, StaffToken
from crm.teams.passwords import check_strength, hash_password, hash_secret, new_secret
from crm.teams.repository import end_logins, find_staff, find_staff_by_email
from crm.teams.service import get_workspace
from crm.teams.staff import repository


class Kind(StrEnum):
    """What a link is for."""

    INVITE = "invite"
    RESET = "reset"


NAME_CHARS = 80
VALID = {Kind.INVITE: timedelta(days=7), Kind.RESET: timedelta(hours=1)}


async def send(session: AsyncSession, staff_id: str, kind: Kind) -> None:
    """A new link that is mailed once this transaction commits; earlier ones of its kind end."""
    await repository.delete_tokens(session, staff_id, kind)
    secret = new_secret()
    token = StaffToken(
        token_hash=hash_secret(secret),
        staff_id=staff_id,
        kind=kind,
        secret=secret,
        attempts=0,
        expires_at=now(session) + VALID[kind],
        created_at=now(session),
    )
    session.add(token)
    await session.flush()
    await enqueue(session, "staff_mail", token.token_hash, job_id=f"staff_mail-{token.token_hash[:32]}")


async def mail(deps: MailDeps, token_hash: str) -> None:
    """Mail a link, unless it was replaced, used or mailed meanwhile. Raises MailFailed."""
    async with deps.db.read() as session:
        found = await repository.find_token(session, token_hash, list(Kind), at=now(session))
        if found is None or found[0].secret is None:
            return
        token, staff = found
        workspace = await get_workspace(session, staff.workspace_id)
    text = _TEXTS[Kind(token.kind)].format(
        name=_no_link(staff.name),
        workspace=_no_link(workspace.name),
        link=f"{deps.db.settings.public_url}/admin#{token.kind}={token.secret}",
        until=f"{token.expires_at:%Y-%m-%d %H:%M} UTC",
    )
    subject = _SUBJECTS[Kind(token.kind)].format(workspace=_no_link(workspace.name))
    await deps.mailer.send(Mail((staff.email,), subject, text))
    async with deps.db.transaction() as session:
        await repository.mark_mailed(session, token_hash)


def _no_link(text: str) -> str:
    """A name as it stands in a mail to a stranger: one short line in which nothing can be clicked."""
    words = re.sub(r"[:/\\@<>]", " ", "".join(each if each.isprintable() else " " for each in text))
    return " ".join(re.sub(r"([.。．｡])(?=\S)", r"\1 ", words).split())[:NAME_CHARS]


async def request_reset(session: AsyncSession, email: str) -> None:
    """Mail a link to whoever has this address and a password; nobody learns whether there is one."""
    staff = await find_staff_by_email(session, email)
    if staff is not None and staff.password_hash:
        await send(session, staff.id, Kind.RESET)


async def choose_password(db: Database, kind: Kind, *, token: str, password: str) -> StaffMember:
    """Use a link up: set the password and end every log-in. Gives whose it was.

    Raises LinkNotValid, and WeakPassword, after which the link still holds.
    """
    token_hash = hash_secret(token)
    async with db.read() as session:
        found = await repository.find_token(session, token_hash, [kind], at=now(session))
    if found is None:
        raise _not_valid()
    check_strength(password, email=found[1].email)
    password_hash = await asyncio.to_thread(hash_password, password)
    async with db.transaction() as session:
        taken = await repository.take_token(session, token_hash, [kind], at=now(session))
        staff = await find_staff(session, found[1].workspace_id, found[1].id)
        if taken is None or staff is None:
            raise _not_valid()
        staff.password_hash = password_hash
        staff.must_change_password = False
        await end_logins(session, staff.id)
    return staff


def _not_valid() -> LinkNotValid:
    return LinkNotValid("This link was used already, has run out or was replaced; ask for a new one.")


_SUBJECTS = {
    Kind.INVITE: "You are invited to {workspace}",
    Kind.RESET: "Choose a new password for {workspace}",
}
_TEXTS = {
    Kind.INVITE: (
        "Hello {name},\n\nyou are invited to work in “{workspace}”. Choose your password here:\n\n{link}\n\n"
        "The link works once, until {until}. If you do not know what this is about, ignore this mail.\n"
    ),
    Kind.RESET: (
        "Hello {name},\n\nsomebody asked for a new password for your log-in at “{workspace}”. "
        "Choose it here:\n\n{link}\n\nThe link works once, until {until}. "
        "If it was not you, ignore this mail: your password stays as it is.\n"
    ),
}
