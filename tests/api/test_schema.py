"""The published OpenAPI against the running server, by generated requests (stateless).

They change things, so they get a workspace of their own.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, cast

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
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


def test_that_the_server_publishes_this_schema(live_app: LiveApp) -> None:
    assert live_app.call("GET", "/api/openapi.json") == (200, published)


@schema.parametrize()
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_that_the_server_does_what_its_schema_says(
    case: schemathesis.Case[Any], live_app: LiveApp, other_workspace_key: str
) -> None:
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
