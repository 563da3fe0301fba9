"""Talk over the widget, in both stores."""

from __future__ import annotations

import pytest

from agentflow.kit.db import Database
from tests.talk import Talk, make_talk


@pytest.fixture
async def talk(db: Database) -> Talk:
    """A workspace whose widget an agent answers; jobs are written down, not run."""
    return await make_talk(db)
