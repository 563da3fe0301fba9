"""Refusals are read by people: each is a sentence."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.architecture.test_shape import sources

# It builds its sentence itself.
_NOT_HERE = {"NotSupportedByChannel"}


def refusals() -> set[str]:
    """AppError and every class below it, by name."""
    bases = {
        node.name: {base.id for base in node.bases if isinstance(base, ast.Name)}
        for _, _, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    family = {"AppError"}
    while more := {name for name, above in bases.items() if above & family} - family:
        family |= more
    return family - _NOT_HERE


def written(detail: ast.expr) -> Iterator[str]:
    """The first and the last piece of a detail that is written where it is raised."""
    if isinstance(detail, ast.Constant):
        yield from (str(detail.value), str(detail.value))
    elif isinstance(detail, ast.JoinedStr):
        for piece in (detail.values[0], detail.values[-1]):
            yield str(piece.value) if isinstance(piece, ast.Constant) else ""


def is_sentence(first: str, last: str) -> bool:
    return not first[:1].islower() and (not last or last.endswith((".", "…")))


def test_that_every_refusal_is_a_sentence() -> None:
    family = refusals()
    wrong = [
        f"{name}:{node.lineno}"
        for name, _, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in family
        and node.args
        and (pieces := tuple(written(node.args[0])))
        and not is_sentence(*pieces)
    ]
    assert wrong == [], "begin with a capital letter and end with a full stop"
