"""What filters refuse."""

from __future__ import annotations

from agentflow.kit.errors import InvalidInput


class FilterTooLarge(InvalidInput):
    """More conditions than a filter may have."""

    code = "filter_too_large"


class FilterTooDeep(InvalidInput):
    """More levels than a filter may have."""

    code = "filter_too_deep"


class BadOperator(InvalidInput):
    """The property cannot be compared like that."""

    code = "bad_operator"


class BadReference(InvalidInput):
    """The label, list or person that a condition names is not there."""

    code = "bad_reference"
