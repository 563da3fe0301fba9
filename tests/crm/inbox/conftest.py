"""How often the races are run."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known when this folder, or a file in it, is named on the command line."""
    parser.addoption("--races", type=int, help="takeovers in one run")


@pytest.fixture
def race_count(request: pytest.FixtureRequest) -> int:
    """The number of takeovers in one run of `test_takeover_races`."""
    return request.config.getoption("--races", None) or 200
