"""What the crash tests draw, and how often."""

from __future__ import annotations

import random

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known when this folder, or a file in it, is named on the command line."""
    parser.addoption("--points", type=int, help="kills in one run")
    parser.addoption("--seed", type=int, help="of a run that is to be thrown again")


@pytest.fixture
def points(request: pytest.FixtureRequest) -> int:
    """The number of kills in one run of `test_crash_knowledge`."""
    return request.config.getoption("--points", None) or 4


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> random.Random:
    """Dice whose seed is printed."""
    seed = request.config.getoption("--seed", None) or random.SystemRandom().randrange(1 << 32)
    print(f"\nseed {seed}")
    return random.Random(seed)
