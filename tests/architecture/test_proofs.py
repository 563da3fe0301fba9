"""The table of requirements names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "requirements.md"
_NAMED = re.compile(r"`(…|tests/[\w/]+\.py)(?:::(\w+))?`")


def test_that_every_named_proof_exists() -> None:
    path, seen = "", 0
    for named, function in _NAMED.findall(TABLE.read_text(encoding="utf-8")):
        path = path if named == "…" else named
        source = (ROOT / path).read_text(encoding="utf-8")
        assert not function or f"def {function}(" in source, f"{path}::{function}"
        seen += 1
    assert seen > 20
