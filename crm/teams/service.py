"""Workspaces, staff, log-in, API keys and teams."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import Database, now
from agentflow.kit.ids import new_id
from crm.teams import repository
from crm.teams.errors import (
    EndsInPast,
    MissingScope,
    NameTaken,
    NoCredential,
    NotAccepted,
    RecordNotFound,
    SecondFactorRequired,
    WeakPassword,
    WrongCredentials,
)
from crm.teams.models import ApiKey, LoginSession, StaffMember, StaffToken, Team, Workspace
from crm.teams.passwords import check_password, check_strength, hash_password, hash_secret, new_secret
from crm.teams.permissions import SCOPES
from crm.teams.schemas import (
    ApiKeyCreate,
    ApiKeyRead,
    Identity,
    Role,
    Scope,
    StaffRead,
    StaffState,
    TeamCreate,
    WorkspaceRead,
    WorkspaceUpdate,
)
from crm.teams.throttle import place_hash

KEY_START = "afk_"
CHALLENGE = "second_factor"  # the kind of token between the two steps of a log-in
CHALLENGE_TIME = timedelta(minutes=5)
LAST_USED_STEP = timedelta(minutes=5)  # how stale `last_used_at` may be; saves a write a request


@dataclass(frozen=True)
class Principal:
    """Who calls: a staff member or an API key. The workspace always comes from here."""

    id: str
    workspace_id: str
    scopes: frozenset[Scope]
    staff_id: str | None = None
    role: Role | None = None  # None for an API key
    must_change_password: bool = False
    second_factor_missing: bool = False  # the workspace wants its admins to have one
    use_unnoted: bool = False  # the key's `last_used_at` is due


@dataclass(frozen=True)
class LoggedIn:
    """A fresh log-in: `token` goes into the cookie."""

    token: str
    staff: StaffMember
    workspace: Workspace


async def create_workspace(session: AsyncSession, *, name: str, time_zone: str, locale: str) -> Workspace:
    """A workspace with its default team."""
    workspace = Workspace(
        id=new_id("wsp"),
        name=name,
        time_zone=time_zone,
        locale=locale,
        text_overrides="{}",
        created_at=now(session),
    )
    session.add(workspace)
    await session.flush()
    session.add(_team(session, workspace.id, "Support", is_default=True))
    await session.flush()
    return workspace


async def get_workspace(session: AsyncSession, workspace_id: str) -> Workspace:
    """Raises RecordNotFound."""
    workspace = await repository.find_workspace(session, workspace_id)
    if workspace is None:
        raise RecordNotFound("There is no such workspace.")
    return workspace


async def update_workspace(session: AsyncSession, workspace_id: str, data: WorkspaceUpdate) -> Workspace:
    """Change what is given, keep the rest."""
    workspace = await get_workspace(session, workspace_id)
    changes = data.model_dump(exclude_none=True)
    if "text_overrides" in changes:
        changes["text_overrides"] = json.dumps(changes["text_overrides"], ensure_ascii=False)
    for field, value in changes.items():
        setattr(workspace, field, value)
    await session.flush()
    return workspace


def read_workspace(workspace: Workspace) -> WorkspaceRead:
    """A workspace as the API shows it."""
    return WorkspaceRead(
        id=workspace.id,
        name=workspace.name,
        time_zone=workspace.time_zone,
        locale=workspace.locale,
        text_overrides=json.loads(workspace.text_overrides),
        admins_need_second_factor=workspace.admins_need_second_factor,
    )


def read_identity(staff: StaffMember, workspace: Workspace, token: str) -> Identity:
    """Somebody who is logged in by this token, as the API shows it."""
    return Identity(
        staff=StaffRead.model_validate(staff),
        workspace=read_workspace(workspace),
        must_change_password=staff.must_change_password,
        second_factor_missing=workspace.admins_need_second_factor and _is_admin_without(staff),
        csrf_token=csrf_of(token),
    )


async def create_staff_member(
    session: AsyncSession,
    workspace_id: str,
    *,
    email: str,
    name: str,
    password_hash: str,
    role: Role = Role.STAFF,
) -> StaffMember:
    """A staff member who must change this first password."""
    staff = StaffMember(
        id=new_id("stf"),
        workspace_id=workspace_id,
        email=email,
        name=name,
        role=role,
        password_hash=password_hash,
        must_change_password=True,
        created_at=now(session),
    )
    session.add(staff)
    await session.flush()
    return staff


async def reset_password(session: AsyncSession, *, email: str, password_hash: str) -> StaffMember:
    """Set a password that must be changed at the next log-in, and end every log-in.

    Raises RecordNotFound.
    """
    staff = await repository.find_staff_by_email(session, email)
    if staff is None:
        raise RecordNotFound(f"No staff member has the e-mail address {email}.")
    staff.password_hash = password_hash
    staff.must_change_password = True
    await repository.end_logins(session, staff.id)
    return staff


async def check_login(db: Database, *, email: str, password: str) -> StaffMember:
    """Whose password this is; checked outside a transaction, for it is slow. Raises WrongCredentials."""
    async with db.read() as session:
        staff = await repository.find_staff_by_email(session, email)
    known = staff.password_hash if staff else None
    if not await asyncio.to_thread(check_password, known or None, password) or staff is None:
        raise WrongCredentials("The e-mail address or the password is wrong.")
    return staff


async def open_login(
    session: AsyncSession, staff: StaffMember, *, hours: int, place: str | None = None
) -> LoggedIn:
    """A log-in for somebody who proved who they are; `place` is where from."""
    token = new_secret()
    at = now(session)
    await repository.delete_expired_logins(session, at=at)
    session.add(
        LoginSession(
            token_hash=hash_secret(token),
            staff_id=staff.id,
            expires_at=at + timedelta(hours=hours),
            created_at=at,
        )
    )
    if place is not None:
        await repository.note_place(session, staff.id, place_hash(staff.id, place), at=at)
    return LoggedIn(token, staff, await get_workspace(session, staff.workspace_id))


async def log_in(db: Database, *, email: str, password: str, place: str | None = None) -> LoggedIn:
    """Log in by a password. Raises WrongCredentials, SecondFactorRequired."""
    staff = await check_login(db, email=email, password=password)
    async with db.transaction() as session:
        if not staff.second_factor:
            return await open_login(session, staff, place=place, hours=db.settings.server.login_hours)
        challenge = new_secret()
        token = StaffToken(
            token_hash=hash_secret(challenge),
            staff_id=staff.id,
            kind=CHALLENGE,
            expires_at=now(session) + CHALLENGE_TIME,
            created_at=now(session),
        )
        session.add(token)
    raise SecondFactorRequired(
        "Send this challenge with a code of your authenticator app.",
        challenge=challenge,
        expires_in=int(CHALLENGE_TIME.total_seconds()),
    )


async def log_out(session: AsyncSession, token: str) -> None:
    """End this log-in; unknown ones are ignored."""
    await repository.delete_login(session, hash_secret(token))


def csrf_of(token: str) -> str:
    """What the pages of this log-in send along; all of them the same, and it opens nothing by itself."""
    return hash_secret(f"csrf {token}")


async def check_own_password(db: Database, who: Principal, password: str) -> StaffMember:
    """A stolen log-in is not enough for what opens the door for good. Raises WrongCredentials."""
    async with db.read() as session:
        staff = await get_staff(session, who)
    if not await asyncio.to_thread(check_password, staff.password_hash, password):
        raise WrongCredentials("The current password is wrong.")
    return staff


async def change_password(db: Database, principal: Principal, *, current: str, new: str, token: str) -> None:
    """Set a new password; every other log-in of this person ends, and every link that was mailed.

    Raises WrongCredentials, WeakPassword.
    """
    staff = await check_own_password(db, principal, current)
    if new == current:
        raise WeakPassword("The new password is the current one; choose another.")
    check_strength(new, email=staff.email)
    password_hash = await asyncio.to_thread(hash_password, new)
    async with db.transaction() as session:
        staff = await get_staff(session, principal)
        staff.password_hash = password_hash
        staff.must_change_password = False
        await repository.end_logins(session, staff.id, but=hash_secret(token))


async def get_staff(session: AsyncSession, principal: Principal) -> StaffMember:
    """The staff member behind a principal. Raises RecordNotFound for an API key."""
    staff = await repository.find_staff(session, principal.workspace_id, principal.staff_id or "")
    if staff is None:
        raise RecordNotFound("Only a logged-in staff member can do this.")
    return staff


async def get_staff_member(session: AsyncSession, workspace_id: str, staff_id: str) -> StaffMember:
    """A staff member by id. Raises RecordNotFound."""
    staff = await repository.find_staff(session, workspace_id, staff_id)
    if staff is None:
        raise RecordNotFound("There is no such staff member.")
    return staff


async def get_colleague(session: AsyncSession, workspace_id: str, staff_id: str) -> StaffMember:
    """Somebody who can be given work: no deleted one, and nobody who is still invited.

    Raises RecordNotFound, NotAccepted.
    """
    staff = await get_staff_member(session, workspace_id, staff_id)
    if staff.state == StaffState.INVITED:
        raise NotAccepted(f"{staff.name} has not accepted the invitation yet.")
    return staff


async def principal_of_login(session: AsyncSession, token: str) -> Principal:
    """Who a session cookie belongs to. Raises NoCredential."""
    found = await repository.find_login(session, hash_secret(token), at=now(session))
    if found is None:
        raise NoCredential("The log-in has expired; log in again.")
    staff, wanted = found
    return Principal(
        id=staff.id,
        workspace_id=staff.workspace_id,
        scopes=SCOPES[Role(staff.role)],
        staff_id=staff.id,
        role=Role(staff.role),
        must_change_password=staff.must_change_password,
        second_factor_missing=wanted and _is_admin_without(staff),
    )


def _is_admin_without(staff: StaffMember) -> bool:
    return staff.role == Role.ADMIN and not staff.second_factor


async def principal_of_key(session: AsyncSession, secret: str) -> Principal:
    """Who an API key belongs to. Raises NoCredential."""
    key = await repository.find_key_by_hash(session, hash_secret(secret), at=now(session))
    if key is None:
        raise NoCredential("The API key is unknown, has expired or was revoked.")
    return Principal(
        id=key.id,
        workspace_id=key.workspace_id,
        scopes=frozenset(_scopes_of(key)),
        use_unnoted=key.last_used_at is None or now(session) - key.last_used_at > LAST_USED_STEP,
    )


def check_grant(who: Principal, scopes: Collection[Scope]) -> None:
    """Nobody gives away what they do not have. Raises MissingScope."""
    missing = sorted(set(scopes) - who.scopes)
    if missing:
        raise MissingScope(
            f"You cannot give or manage rights that you do not have: {', '.join(missing)}.", scope=missing[0]
        )


async def create_key(session: AsyncSession, workspace_id: str, data: ApiKeyCreate) -> tuple[ApiKey, str]:
    """A new key and its secret, which is stored as a hash only. Raises EndsInPast."""
    if data.expires_at is not None and data.expires_at <= now(session):
        raise EndsInPast("The time at which a key ends must be in the future.", field="expires_at")
    secret = KEY_START + new_secret()
    key = ApiKey(
        id=new_id("key"),
        workspace_id=workspace_id,
        name=data.name,
        prefix=secret[:10],
        secret_hash=hash_secret(secret),
        scopes=json.dumps(data.scopes),
        created_at=now(session),
        expires_at=data.expires_at,
    )
    session.add(key)
    await session.flush()
    return key, secret


async def revoke_key(session: AsyncSession, who: Principal, key_id: str) -> ApiKey:
    """Stop a key for good; revoking twice keeps the first time.

    Raises RecordNotFound, and MissingScope for a key with more rights than the caller's.
    """
    key = await repository.find_key(session, who.workspace_id, key_id)
    if key is None:
        raise RecordNotFound("There is no such API key.")
    check_grant(who, _scopes_of(key))
    key.revoked_at = key.revoked_at or now(session)
    return key


def _scopes_of(key: ApiKey) -> list[Scope]:
    return [Scope(scope) for scope in json.loads(key.scopes)]


async def note_key_use(session: AsyncSession, principal: Principal) -> None:
    """Remember when a key was last used; callers do so at most every five minutes."""
    key = await repository.find_key(session, principal.workspace_id, principal.id)
    if key is not None:
        key.last_used_at = now(session)


def read_key(key: ApiKey) -> ApiKeyRead:
    """A key as the API shows it."""
    return ApiKeyRead(
        id=key.id,
        name=key.name,
        prefix=key.prefix,
        scopes=_scopes_of(key),
        created_at=key.created_at,
        expires_at=key.expires_at,
        last_used_at=key.last_used_at,
        revoked_at=key.revoked_at,
    )


async def list_keys(
    session: AsyncSession, workspace_id: str, *, after: str | None, limit: int
) -> list[ApiKey]:
    """Keys, oldest first."""
    return await repository.list_keys(session, workspace_id, after=after, limit=limit)


async def create_team(session: AsyncSession, workspace_id: str, data: TeamCreate) -> Team:
    """A further team. Raises NameTaken."""
    if await repository.find_team_by_name(session, workspace_id, data.name) is not None:
        raise NameTaken(f"Another team is called {data.name}.")
    team = _team(session, workspace_id, data.name, is_default=False)
    session.add(team)
    await session.flush()
    return team


async def list_teams(
    session: AsyncSession, workspace_id: str, *, after: str | None, limit: int, deleted: bool = False
) -> list[Team]:
    """Teams, oldest first; those in the bin if asked for."""
    return await repository.list_teams(session, workspace_id, after=after, limit=limit, deleted=deleted)


async def get_team(session: AsyncSession, workspace_id: str, team_id: str | None) -> Team:
    """A team by id, the default one for None. Raises RecordNotFound."""
    team = (
        await repository.find_team(session, workspace_id, team_id)
        if team_id is not None
        else await repository.find_default_team(session, workspace_id)
    )
    if team is None:
        raise RecordNotFound("There is no such team.")
    return team


async def find_team_by_name(session: AsyncSession, workspace_id: str, name: str) -> Team | None:
    """A team by its name, whatever its case."""
    return await repository.find_team_by_name(session, workspace_id, name)


def _team(session: AsyncSession, workspace_id: str, name: str, *, is_default: bool) -> Team:
    return Team(
        id=new_id("tea"),
        workspace_id=workspace_id,
        name=name,
        is_default=is_default,
        created_at=now(session),
    )


async def lock_workspaces(session: AsyncSession) -> list[str]:
    """The ids of all workspaces, for a server that starts: one at a time. A first run has none."""
    return await repository.lock_workspaces(session)


async def staff_addresses(session: AsyncSession, workspace_id: str) -> list[str]:
    """The e-mail addresses of the workspace's admins: who is told when something needs looking after."""
    return await repository.list_addresses(session, workspace_id, Role.ADMIN)


async def find_person(session: AsyncSession, *, email: str = "", staff_id: str = "") -> StaffMember | None:
    """Whoever logs in with this address or has this id, in whichever workspace: for log-ins that failed."""
    if email:
        return await repository.find_staff_by_email(session, email)
    return await session.get(StaffMember, staff_id)


async def describe(session: AsyncSession, workspace_id: str, subject: str) -> str:
    """A staff member or a key by name where it is one of this workspace, for mails to its admins."""
    staff = await repository.find_staff(session, workspace_id, subject)
    if staff is not None:
        return f"{staff.name}, {staff.email}"
    key = await repository.find_key(session, workspace_id, subject)
    return f"API key {key.name}, {key.prefix}…" if key is not None else f"from the address {subject}"
