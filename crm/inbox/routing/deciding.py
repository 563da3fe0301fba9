"""Which rule a conversation falls under, and who gets it by that rule.

A rule whose target is gone, or whose conditions name something that is, is passed over: the log says so when
it happens, and the list of rules as long as it is so.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.db import now
from agentflow.kit.errors import AppError
from crm.contacts.filters import service as filters
from crm.inbox.routing import repository
from crm.inbox.routing.models import RoutingRule
from crm.inbox.routing.schemas import Conditions, Decision, Opening, RuleProblem, Target
from crm.teams import opening
from crm.teams import service as teams
from crm.teams.errors import RecordNotFound
from crm.teams.service import Principal
from crm.teams.staff import members

log = logging.getLogger(__name__)

AgentExists = Callable[[AsyncSession, str, str], Awaitable[bool]]
PORT = "agent_exists"  # what bootstrap gives every session: agents lie above this package


async def decide(session: AsyncSession, opened: Opening) -> Decision | None:
    """Who gets this conversation by the first rule that holds; None when no rule does."""
    for rule in await repository.list_rules(session, opened.workspace_id):
        if not rule.enabled:
            continue
        problem: RuleProblem | None
        try:
            if not await _holds(session, opened, rule):
                continue
            target = Target.model_validate_json(rule.target)
            problem = await problem_of(session, opened.workspace_id, target)
            if problem is None:
                return await _give(session, opened.workspace_id, rule, target)
        except AppError as gone:
            log.info("routing rule %s: %s", rule.id, gone.detail)
            problem = RuleProblem.BAD_CONDITION
        log.warning("routing rule %s is passed over: %s", rule.id, problem)
    return None


async def problem_of(session: AsyncSession, workspace_id: str, target: Target) -> RuleProblem | None:
    """Why nobody can get a conversation by this target."""
    try:
        if target.agent_id is not None:
            exists: AgentExists | None = session.info.get(PORT)
            there = exists is None or await exists(session, workspace_id, target.agent_id)
            return None if there else RuleProblem.TARGET_GONE
        if target.staff_id is not None:
            await teams.get_colleague(session, workspace_id, target.staff_id)
            return None
        await teams.get_team(session, workspace_id, target.team_id or target.round_robin_team_id)
    except RecordNotFound:
        return RuleProblem.TARGET_GONE
    if target.round_robin_team_id is not None:
        ids = await members.member_ids(session, workspace_id, target.round_robin_team_id)
        return None if ids else RuleProblem.NO_MEMBERS
    return None


async def check_conditions(session: AsyncSession, workspace_id: str, conditions: Conditions) -> None:
    """Raises what a filter of contacts raises, and RecordNotFound for a team that is not there."""
    if conditions.contact is not None:
        await filters.check_filter(session, _router(workspace_id), conditions.contact)
    if conditions.hours_of_team_id is not None:
        await teams.get_team(session, workspace_id, conditions.hours_of_team_id)


async def _holds(session: AsyncSession, opened: Opening, rule: RoutingRule) -> bool:
    wanted = Conditions.model_validate_json(rule.conditions)
    if wanted.channels is not None and opened.channel not in wanted.channels:
        return False
    if wanted.account_ids is not None and opened.account_id not in wanted.account_ids:
        return False
    if wanted.languages is not None and not _speaks(opened.language, wanted.languages):
        return False
    if wanted.hours is not None:
        at = now(session)
        is_open = await opening.is_team_open(session, opened.workspace_id, wanted.hours_of_team_id, at=at)
        if is_open != (wanted.hours == "open"):
            return False
    if wanted.contact is None:
        return True
    return await filters.matches(session, _router(opened.workspace_id), wanted.contact, opened.contact_id)


def _speaks(language: str | None, wanted: list[str]) -> bool:
    """`en` is every English, `en-GB` only that one."""
    spoken, *accepted = (one.casefold().replace("_", "-") for one in (language or "", *wanted))
    return any(spoken == one or spoken.startswith(f"{one}-") for one in accepted)


async def _give(session: AsyncSession, workspace_id: str, rule: RoutingRule, target: Target) -> Decision:
    if target.round_robin_team_id is None:
        return Decision(rule.id, target.agent_id, target.team_id, target.staff_id)
    rule = await repository.lock_rule(session, workspace_id, rule.id)
    ids = await members.member_ids(session, workspace_id, target.round_robin_team_id)
    last = rule.last_staff_id or ""
    rule.last_staff_id = next((one for one in sorted(ids) if one > last), min(ids))
    await session.flush()
    return Decision(rule.id, staff_id=rule.last_staff_id)


def _router(workspace_id: str) -> Principal:
    """Whom a filter is asked for; it has no contacts of its own and may do nothing."""
    return Principal("routing", workspace_id, frozenset())
