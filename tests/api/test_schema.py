"""The published OpenAPI against the running server, by generated requests: each alone, and in chains that
go on with the ids of answers.

They change things, so they get a workspace of their own.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import FlakyStrategyDefinition
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from agentflow.api.app import create_app
from agentflow.bootstrap import Application
from agentflow.kit.db import Database
from agentflow.kit.settings import Settings
from tests.api.test_walk import SOMEBODY, WALKED
from tests.conftest import MANY, add_workspace
from tests.e2e.forked import Forked
from tests.e2e.live import LiveApp

# Beginnings of chains that no generated body is good enough for.
TAKEN: dict[str, object] = {
    "POST /api/v1/object-definitions": WALKED,
    "POST /api/v1/google-connections": {"name": "g", "client_id": "c", "client_secret": "s"},
    "POST /api/v1/model-connections": {"name": "m", "base_url": "https://93.184.215.14/v1", "model": "m"},
    "POST /api/v1/contacts": SOMEBODY,
    "POST /api/v1/labels": {"name": "linked"},
    "POST /api/v1/contact-views": {"name": "linked", "shared": True},
}
# The application behind is only opened when it serves; its schema is known without it.
published = create_app(Settings(), lambda: nullcontext(cast(Application, None))).openapi()
schema = schemathesis.openapi.from_dict(published)


def _chained() -> schemathesis.BaseSchema:
    """For chains: our own links only, and bodies that should be taken, without ids of what is not there."""
    plain = copy.deepcopy(published)
    for shape in plain["components"]["schemas"].values():
        for name in [name for name in shape.get("properties", {}) if name.endswith(("_id", "_ids"))]:
            if name not in shape.get("required", ()):
                del shape["properties"][name]
    config = {"generation": {"mode": "positive"}, "phases": {"stateful": {"inference": {"algorithms": []}}}}
    return schemathesis.openapi.from_dict(plain, config=schemathesis.Config.from_dict(config))


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


def _linked() -> dict[str, list[str]]:
    """For each request that begins a chain: everything that its links lead to, and theirs in turn."""
    names, links = {}, {}
    for path, item in published["paths"].items():
        for method, operation in item.items():
            names[operation["operationId"]] = label = f"{method.upper()} {path}"
            links[label] = [
                name for answer in operation["responses"].values() for name in answer.get("links", ())
            ]
    # An erasure goes on after its answer: what comes next would differ from run to run.
    links["POST /api/v1/contacts"].remove("erase_contact_api_v1_contacts__contact_id__erase_post")
    chains = {label: [label] for label, followed in links.items() if followed and "{" not in label}
    for reached in chains.values():
        for label in reached:  # it grows meanwhile
            reached += [name for name in map(names.__getitem__, links[label]) if name not in reached]
    return chains


@pytest.fixture(params=["sqlite", "postgres"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LiveApp]:
    if request.param == "sqlite":
        yield request.getfixturevalue("live_app")
        return
    with request.getfixturevalue("new_postgres_database")() as url:
        own = LiveApp(tmp_path / "home", url, MANY, launch=Forked).start()
        yield own
        own.stop()


@pytest.fixture
def new_key(app: LiveApp) -> Iterator[Callable[[], str]]:
    """Makes a key of a workspace of its own."""
    database = Database(Settings.model_validate({"home": app.home, "database_url": app.database_url}))
    with asyncio.Runner() as runner:
        yield lambda: runner.run(add_workspace(database))
        runner.run(database.close())


def test_that_no_chain_of_requests_breaks_the_server(app: LiveApp, new_key: Callable[[], str]) -> None:
    linked, reached, broken = _chained(), set[str](), list[str]()

    def setup(machine: Any) -> None:  # noqa: ANN401
        machine.key = new_key()  # no chain meets what others left behind, so every run draws the same ones

    def say_what_is_taken(_machine: object, case: Any) -> None:  # noqa: ANN401
        if case.operation.label in TAKEN:
            case.body = TAKEN[case.operation.label]

    def call_with(machine: Any, _case: object) -> dict[str, Any]:  # noqa: ANN401
        return {"base_url": app.url, "headers": {"Authorization": f"Bearer {machine.key}"}}

    def look(_machine: object, response: Any, case: Any, **_: object) -> None:  # noqa: ANN401
        if response.status_code >= 500:
            broken.append(f"{case.as_curl_command()}: {response.text}")
        if case.operation.path_parameters and response.status_code < 300:
            reached.add(case.operation.label)

    for labels in _linked().values():
        machine = linked.include(name=labels).as_state_machine()
        own = {
            "setup": setup,
            "before_call": say_what_is_taken,
            "get_call_kwargs": call_with,
            "validate_response": look,
        }
        never_first = {name: None for name in machine.root_rules if name.endswith("_id") or "_id_" in name}
        with suppress(FlakyStrategyDefinition):  # the server's own jobs went on meanwhile
            chains: Any = type("Chains", (machine,), own | never_first)
            chains.run(
                settings=settings(
                    max_examples=2,
                    stateful_step_count=min(16, 2 * len(labels)),
                    deadline=None,
                    derandomize=True,
                    database=None,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                )
            )
    assert broken == []
    assert len(reached) > 35, sorted(reached)
