"""Log in and out, who am I, and the change of a password."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, Request, Response

from agentflow.api.deps import SESSION_COOKIE, App, Caller, Place, Stranger
from agentflow.api.idempotency import IdempotentRoute
from agentflow.bootstrap import Application
from crm.audit import alerts
from crm.audit.note import current
from crm.teams import service as teams
from crm.teams import throttle
from crm.teams.errors import NoCredential, StaffOnly, WrongCode, WrongCredentials
from crm.teams.schemas import Identity, LogIn, PasswordChange
from crm.teams.second_factor import service as second_factor
from crm.teams.second_factor.schemas import (
    BothFactors,
    Code,
    Enrolment,
    Password,
    RecoveryCodes,
    SecondStep,
)
from crm.teams.service import LoggedIn, Principal
from crm.teams.staff import links
from crm.teams.staff.schemas import ChosenPassword, ResetRequest


def person(who: Caller) -> Principal:
    """A logged-in staff member, who changes something of their own. Raises StaffOnly."""
    require_staff(who)
    note = current.get()
    if note is not None:
        note.armed = True
    return who


def _note(staff_id: str, workspace_id: str, role: str) -> None:
    """Somebody who came without a log-in is known now, and what they did is done."""
    note = current.get()
    if note is not None:
        note.by(staff_id, workspace_id, role=role)
        note.armed = True


def require_staff(who: Principal) -> None:
    """Refuse an API key. Raises StaffOnly."""
    if who.staff_id is None:
        raise StaffOnly("A logged-in staff member must do this; an API key cannot.")


Person = Annotated[Principal, Depends(person)]
router = APIRouter(prefix="/auth", tags=["auth"], route_class=IdempotentRoute)


@router.post("/login")
async def log_in(data: LogIn, response: Response, app: App, place: Place) -> Identity:
    """Start a log-in: sets the httpOnly session cookie and answers the CSRF token for this page.

    Where a second factor is on, the answer is 401 with the code `second_factor_required` and a `challenge`.
    """
    limit = app.settings.server.strangers_per_place
    await throttle.check_log_in(app.db, app.rates, email=data.email, place=place, limit=limit)
    try:
        done = await teams.log_in(app.db, email=data.email, password=data.password, place=place)
    except WrongCredentials:
        await alerts.log_in_failed(app.db, email=data.email)
        raise
    return enter(app, response, done)


def enter(app: Application, response: Response, done: LoggedIn) -> Identity:
    """Set the session cookie and say who is in."""
    _note(done.staff.id, done.workspace.id, done.staff.role)
    response.set_cookie(
        SESSION_COOKIE,
        done.token,
        max_age=app.settings.server.login_hours * 3600,
        httponly=True,
        samesite="lax",
        secure=app.settings.public_url.startswith("https://"),
    )
    return teams.read_identity(done.staff, done.workspace, done.token)


@router.get("/me")
async def me(request: Request, app: App, who: Caller) -> Identity:
    """Who is logged in, with the CSRF token of the log-in for a page that was reloaded."""
    require_staff(who)
    async with app.db.read() as session:
        staff = await teams.get_staff(session, who)
        workspace = await teams.get_workspace(session, who.workspace_id)
    return teams.read_identity(staff, workspace, session_token(request))


@router.post("/password", status_code=204)
async def change_password(data: PasswordChange, request: Request, app: App, who: Person) -> None:
    """Change the password; every other log-in of this person ends."""
    await app.rates.check("password", who.id, limit=10, seconds=300)
    await teams.change_password(app.db, who, current=data.current, new=data.new, token=session_token(request))


@router.post("/logout", status_code=204)
async def log_out(request: Request, response: Response, app: App, who: Person) -> None:
    """End this log-in."""
    async with app.db.transaction() as session:
        await teams.log_out(session, session_token(request))
    response.delete_cookie(SESSION_COOKIE)


@router.post("/second-factor")
async def second_step(data: SecondStep, response: Response, app: App, place: Stranger) -> Identity:
    """The second step of a log-in: the challenge of the first and a code, or a recovery code."""
    try:
        done = await second_factor.complete(app.db, app.rates, data, place=place)
    except WrongCode as wrong:
        await alerts.log_in_failed(app.db, staff_id=wrong.staff_id)
        raise
    return enter(app, response, done)


@router.post("/second-factor/enrol")
async def enrol(data: Password, app: App, who: Person) -> Enrolment:
    """Start to use a second factor: put the secret into an authenticator app, then confirm a code of it."""
    return await second_factor.enrol(app.db, app.rates, who, data.password)


@router.post("/second-factor/confirm")
async def confirm(data: Code, app: App, who: Person) -> RecoveryCodes:
    """Switch the second factor on; the recovery codes are shown in this answer and never again."""
    return RecoveryCodes(recovery_codes=await second_factor.confirm(app.db, app.rates, who, data.code))


@router.post("/second-factor/recovery-codes")
async def renew_codes(data: BothFactors, app: App, who: Person) -> RecoveryCodes:
    """Ten new recovery codes; the old ones stop working. It takes the password and a code."""
    return RecoveryCodes(recovery_codes=await second_factor.renew_codes(app.db, app.rates, who, data))


@router.post("/second-factor/disable", status_code=204)
async def disable(data: BothFactors, app: App, who: Person) -> None:
    """Switch the second factor off; it takes the password and a code."""
    await second_factor.disable(app.db, app.rates, who, data)


@router.post("/accept", status_code=204)
async def accept_invitation(data: ChosenPassword, app: App, _: Stranger) -> None:
    """Accept an invitation by choosing a password; then log in with it. The link works once."""
    who = await links.choose_password(app.db, links.Kind.INVITE, token=data.token, password=data.password)
    _note(who.id, who.workspace_id, who.role)


@router.post("/reset-request", status_code=204)
async def request_reset(data: ResetRequest, app: App, place: Stranger, later: BackgroundTasks) -> None:
    """Mail a link to choose a new password. The answer is the same whether the address is known or not."""
    await throttle.check_reset(app.db, app.rates, email=data.email, place=place)
    # After the answer: a known address takes longer.
    later.add_task(_mail_reset, app, data.email)


async def _mail_reset(app: Application, email: str) -> None:
    async with app.db.transaction() as session:
        await links.request_reset(session, email)


@router.post("/reset", status_code=204)
async def reset_password(data: ChosenPassword, app: App, _: Stranger) -> None:
    """Choose a new password by the link from the mail: every log-in of this person ends."""
    who = await links.choose_password(app.db, links.Kind.RESET, token=data.token, password=data.password)
    _note(who.id, who.workspace_id, who.role)


def session_token(request: Request) -> str:
    """The session cookie. Raises NoCredential."""
    token = request.cookies.get(SESSION_COOKIE)
    if not token:
        raise NoCredential("Log in first.")
    return token
