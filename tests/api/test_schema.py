"""The published OpenAPI against the running server, by generated requests (stateless)."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.e2e.live import LiveApp

schema = schemathesis.pytest.from_fixture("api_schema")


@pytest.fixture
def api_schema(live_app: LiveApp) -> schemathesis.openapi.OpenApiSchema:
    return schemathesis.openapi.from_url(f"{live_app.url}/api/openapi.json")


@schema.parametrize()
@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_that_the_server_does_what_its_schema_says(case: schemathesis.Case, live_app: LiveApp) -> None:
    case.call_and_validate(
        headers={"Authorization": f"Bearer {live_app.api_key}"},
        checks=(
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ),
    )
