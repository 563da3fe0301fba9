"""The published OpenAPI against the running server, by generated requests (stateless).

They change things, so they get a workspace of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from agentflow.api.app import create_app
from agentflow.bootstrap import Application
from agentflow.kit.settings import Settings
from tests.e2e.live import LiveApp

# The application behind is only opened when it serves; its schema is known without it.
published = create_app(Settings(), lambda: nullcontext(cast(Application, None))).openapi()
schema = schemathesis.openapi.from_dict(published)


def _operations() -> Iterator[schemathesis.APIOperation[Any, Any, Any, Any]]:
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        yield found.ok()


# By name: the plug-in's own cases all have one id, of which a run with several workers keeps one.
OPERATIONS = {operation.label: operation for operation in _operations()}


def test_that_the_server_publishes_this_schema(live_app: LiveApp) -> None:
    assert live_app.call("GET", "/api/openapi.json") == (200, published)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_that_the_server_does_what_its_schema_says(
    operation: str, live_app: LiveApp, other_workspace_key: str
) -> None:
    @settings(
        max_examples=8,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=OPERATIONS[operation].as_strategy())
    def check(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(
            base_url=live_app.url,
            headers={"Authorization": f"Bearer {other_workspace_key}"},
            checks=[
                not_a_server_error,
                status_code_conformance,
                content_type_conformance,
                response_schema_conformance,
            ],
        )

    check()
