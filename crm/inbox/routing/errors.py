"""What routing refuses."""

from __future__ import annotations

from agentflow.kit.errors import Conflict, InvalidInput, NotFound


class RuleNotFound(NotFound):
    """There is no such rule."""

    code = "routing_rule_not_found"


class TooManyRules(Conflict):
    """A workspace has as many rules as it may."""

    code = "too_many_routing_rules"


class BadTarget(InvalidInput):
    """Nobody is there under the id that the target names."""

    code = "bad_routing_target"


class BadCondition(InvalidInput):
    """A condition can never hold: there is no channel or language of that name."""

    code = "bad_routing_condition"


class BadOrder(InvalidInput):
    """An order names every rule once."""

    code = "bad_routing_order"
