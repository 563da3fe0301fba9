"""The rules as an admin keeps them."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.kit.bin import check_restorable, erase_expired
from agentflow.kit.db import Database, now
from agentflow.kit.errors import AppError
from agentflow.kit.ids import new_id
from channels.registry import NAMES as CHANNELS
from crm.inbox.routing import repository
from crm.inbox.routing.deciding import check_conditions, problem_of
from crm.inbox.routing.errors import BadCondition, BadOrder, BadTarget, RuleNotFound, TooManyRules
from crm.inbox.routing.models import RoutingRule
from crm.inbox.routing.schemas import (
    MAX_RULES,
    Conditions,
    RuleCreate,
    RuleOrder,
    RuleProblem,
    RuleRead,
    RuleUpdate,
    Target,
)
from crm.teams.texts import is_language


async def create_rule(session: AsyncSession, workspace_id: str, data: RuleCreate) -> RoutingRule:
    """A new rule, behind all others.

    Raises TooManyRules, BadTarget, BadCondition and what a filter raises.
    """
    await _check_room(session, workspace_id)
    await _check(session, workspace_id, data.target, data.conditions)
    rule = RoutingRule(
        id=new_id("rul"),
        workspace_id=workspace_id,
        position=await repository.last_position(session, workspace_id) + 1,
        name=data.name,
        enabled=data.enabled,
        conditions=_json(data.conditions),
        target=_json(data.target),
        created_at=now(session),
        updated_at=now(session),
    )
    session.add(rule)
    await session.flush()
    return rule


async def update_rule(
    session: AsyncSession, workspace_id: str, rule_id: str, data: RuleUpdate
) -> RoutingRule:
    """Change what is given. Raises RuleNotFound, BadTarget, BadCondition and what a filter raises."""
    rule = await get_rule(session, workspace_id, rule_id)
    await _check(session, workspace_id, data.target, data.conditions)
    rule.name = data.name or rule.name
    rule.enabled = rule.enabled if data.enabled is None else data.enabled
    rule.conditions = _json(data.conditions) if data.conditions else rule.conditions
    rule.target = _json(data.target) if data.target else rule.target
    rule.updated_at = now(session)
    await session.flush()
    return rule


async def reorder(session: AsyncSession, workspace_id: str, order: RuleOrder) -> None:
    """Try them in this order from now on. Raises BadOrder."""
    rules = {rule.id: rule for rule in await repository.list_rules(session, workspace_id)}
    if sorted(order.ids) != sorted(rules):
        raise BadOrder(f"An order names each of the {len(rules)} rules once.")
    for position, rule_id in enumerate(order.ids):
        rules[rule_id].position = position
    await session.flush()


async def delete_rule(session: AsyncSession, workspace_id: str, rule_id: str) -> None:
    """Put a rule into the bin. Raises RuleNotFound."""
    rule = await get_rule(session, workspace_id, rule_id)
    rule.deleted_at = now(session)
    await session.flush()


async def restore_rule(session: AsyncSession, workspace_id: str, rule_id: str) -> RoutingRule:
    """Take a rule out of the bin, to where it was. Raises RuleNotFound, TooLateToRestore, TooManyRules."""
    rule = await repository.find_rule(session, workspace_id, rule_id)
    if rule is None or rule.deleted_at is None:
        raise RuleNotFound("There is no such rule in the bin.")
    check_restorable(session, rule.deleted_at)
    await _check_room(session, workspace_id)
    rule.deleted_at = None
    await session.flush()
    return rule


async def get_rule(session: AsyncSession, workspace_id: str, rule_id: str) -> RoutingRule:
    """Raises RuleNotFound."""
    rule = await repository.find_rule(session, workspace_id, rule_id)
    if rule is None or rule.deleted_at is not None:
        raise RuleNotFound("There is no such rule.")
    return rule


async def list_rules(session: AsyncSession, workspace_id: str, *, deleted: bool = False) -> list[RuleRead]:
    """All of them in their order, or those in the bin; there are never many."""
    found = await repository.list_rules(session, workspace_id, deleted=deleted)
    return [await read_rule(session, rule) for rule in found]


async def read_rule(session: AsyncSession, rule: RoutingRule) -> RuleRead:
    """A rule as the API shows it, with what keeps it from being followed."""
    target = Target.model_validate_json(rule.target)
    conditions = Conditions.model_validate_json(rule.conditions)
    problem = await problem_of(session, rule.workspace_id, target)
    try:
        await check_conditions(session, rule.workspace_id, conditions)
    except AppError:
        problem = problem or RuleProblem.BAD_CONDITION
    return RuleRead(
        id=rule.id,
        position=rule.position,
        name=rule.name,
        enabled=rule.enabled,
        conditions=conditions,
        target=target,
        problem=problem,
        created_at=rule.created_at,
        updated_at=rule.updated_at,
    )


async def purge(db: Database) -> None:
    """Delete for good what was in the bin for its time."""
    await erase_expired(db, RoutingRule)


async def _check_room(session: AsyncSession, workspace_id: str) -> None:
    if len(await repository.list_rules(session, workspace_id)) >= MAX_RULES:
        raise TooManyRules(f"A workspace has at most {MAX_RULES} routing rules.", limit=MAX_RULES)


async def _check(
    session: AsyncSession, workspace_id: str, target: Target | None, conditions: Conditions | None
) -> None:
    if target is not None and (problem := await problem_of(session, workspace_id, target)):
        found = "has no members" if problem is RuleProblem.NO_MEMBERS else "does not exist yet or any more"
        raise BadTarget(f"The target of the rule {found}.", field="target")
    if conditions is not None:
        _check_names(conditions)
        await check_conditions(session, workspace_id, conditions)


def _check_names(conditions: Conditions) -> None:
    for channel in conditions.channels or ():
        if channel not in CHANNELS:
            raise BadCondition(
                f"There is no channel “{channel}”.", field="conditions.channels", allowed=list(CHANNELS)
            )
    for language in conditions.languages or ():
        if not is_language(language):
            raise BadCondition(
                f"There is no language “{language}”.",
                field="conditions.languages",
                allowed="ISO 639-1, alone or with a country, such as nl or pt-BR",
            )


def _json(value: Conditions | Target) -> str:
    return value.model_dump_json(by_alias=True, exclude_none=True)
