"""The shape of the code: small files and functions, imports at the top, queries in their place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("agentflow", "knowledge", "channels", "crm", "evals")
MAX_FILE_LINES = 500
MAX_BODY_LINES = 50
MAX_HANDLER_STATEMENTS = 8
ROUTE_METHODS = {"get", "post", "put", "patch", "delete"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources(*folders: str) -> Iterator[tuple[str, str, ast.Module]]:
    """Every file we write; migrations are written by Alembic and never change."""
    for folder in folders or PACKAGES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.parent.name == "versions":
                continue
            text = path.read_text()
            yield path.relative_to(ROOT).as_posix(), text, ast.parse(text)


def functions(tree: ast.AST) -> Iterator[Function]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def body_of(function: Function) -> list[ast.stmt]:
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return function.body[1:] if documented else function.body


def body_lines(function: Function) -> int:
    body = body_of(function)
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_that_no_file_is_longer_than_five_hundred_lines() -> None:
    long = [name for name, text, _ in sources(*PACKAGES, "tests") if text.count("\n") > MAX_FILE_LINES]
    assert long == [], "split by what the parts do, not into helpers"


def test_that_no_function_body_is_longer_than_fifty_lines() -> None:
    long = [
        f"{name}:{function.lineno} {function.name} ({body_lines(function)})"
        for name, _, tree in sources()
        for function in functions(tree)
        if body_lines(function) > MAX_BODY_LINES
    ]
    assert long == []


def test_that_imports_inside_functions_stand_only_in_bootstrap() -> None:
    hidden = [
        f"{name}:{node.lineno}"
        for name, _, tree in sources()
        if name != "agentflow/bootstrap.py"
        for function in functions(tree)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert hidden == []


def test_that_queries_stand_in_repositories() -> None:
    def may_query(name: str) -> bool:
        return name.endswith(("/repository.py", "/models.py")) or name.startswith(
            ("agentflow/kit/", "agentflow/analytics/", "agentflow/migrations/", "evals/")
        )

    wrong = [
        f"{name}:{node.lineno}"
        for name, _, tree in sources()
        if not may_query(name)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "select"
    ]
    assert wrong == [], "move the query into the feature's repository.py"


def test_that_only_settings_read_the_environment() -> None:
    wrong = [
        f"{name}:{node.lineno}"
        for name, _, tree in sources()
        if name != "agentflow/kit/settings.py" and not name.startswith("evals/performance/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    ]
    assert wrong == [], "add a field to agentflow/kit/settings.py"


def test_that_handlers_are_thin() -> None:
    thick = [
        f"{name}:{function.lineno} {function.name}"
        for name, _, tree in sources("agentflow/api")
        for function in functions(tree)
        if any(is_route(decorator) for decorator in function.decorator_list)
        and len(body_of(function)) > MAX_HANDLER_STATEMENTS
    ]
    assert thick == []


def is_route(decorator: ast.expr) -> bool:
    return (
        isinstance(decorator, ast.Call)
        and isinstance(decorator.func, ast.Attribute)
        and decorator.func.attr in ROUTE_METHODS
    )


def test_that_nobody_but_channels_asks_which_channel_it_is() -> None:
    wrong = [
        f"{name}:{node.lineno}"
        for name, _, tree in sources()
        if not name.startswith("channels/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        and isinstance(node.left, ast.Name | ast.Attribute)
        and (node.left.id if isinstance(node.left, ast.Name) else node.left.attr) == "channel"
        and any(
            isinstance(value, ast.Constant) and isinstance(value.value, str) for value in node.comparators
        )
    ]
    assert wrong == [], "make the difference a field of Capabilities"


def test_that_features_do_not_reach_into_each_other() -> None:
    """Another feature's tables and queries are private; what others need its __init__ or service gives."""

    def feature(module: str) -> str:
        parts = module.split(".")
        return ".".join(parts[:2]) if parts[0] in {"crm", "agentflow"} else parts[0]

    wrong = []
    for name, _, tree in sources(
        "crm", "knowledge", "channels", "agentflow/agents", "agentflow/llm", "agentflow/api"
    ):
        here = feature(name.removesuffix(".py").replace("/", "."))
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.ImportFrom)
                and node.module
                and node.module.endswith((".models", ".repository"))
                and feature(node.module) != here
            ):
                wrong.append(f"{name}:{node.lineno} imports {node.module}")
    assert wrong == []
