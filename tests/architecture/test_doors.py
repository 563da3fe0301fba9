"""One vendor, one door: where each third-party library may be imported (docs/map.md)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("agentflow", "knowledge", "channels", "crm", "evals")

# vendor → module prefixes that may import it
DOORS: dict[str, tuple[str, ...]] = {
    "openai": ("agentflow.llm", "agentflow.agents"),
    "langchain": ("agentflow.llm", "agentflow.agents"),
    "langchain_core": ("agentflow.llm", "agentflow.agents"),
    "langchain_openai": ("agentflow.llm", "agentflow.agents"),
    "langgraph": ("agentflow.llm", "agentflow.agents"),
    "dbos": ("agentflow.kit.jobs",),
    "qdrant_client": ("knowledge.index",),
    "llama_index": ("knowledge.chunking", "knowledge.readers"),
    "torch": ("knowledge.embedding",),
    "sentence_transformers": ("knowledge.embedding",),
    "onnx": ("knowledge.embedding",),
    "onnxruntime": ("knowledge.embedding",),
    "tokenizers": ("knowledge.embedding",),
    "safetensors": ("knowledge.embedding",),
    "bm25s": (),
    "pypdf": ("knowledge.readers",),
    "openpyxl": ("knowledge.readers",),
    "python_calamine": ("knowledge.readers",),
    "olefile": ("knowledge.readers",),
    "trafilatura": ("knowledge.readers",),
    "lxml": ("knowledge.readers",),
    "gspread": ("knowledge.origins",),
    "google": ("knowledge.origins",),
    "protego": ("knowledge.origins",),
    "aiohttp": ("agentflow.kit.egress",),
    "botocore": ("agentflow.kit.files_s3",),
    "boto3": (),
    "httpx": (),
    "requests": (),
    "urllib3": (),
    "fastapi": ("agentflow.api", "agentflow.web"),
    "starlette": ("agentflow.api", "agentflow.web"),
    "uvicorn": ("agentflow.cli",),
    "typer": ("agentflow.cli",),
    "alembic": ("agentflow.migrations", "agentflow.kit.schema"),
    "argon2": ("crm.teams",),
    "babel": ("crm.teams", "crm.contacts.imports"),
    "phonenumbers": ("agentflow.llm", "crm.contacts.addresses"),
    "cryptography": ("agentflow.kit", "agentflow.care"),
    "inspect_ai": ("evals",),
}
# Measuring compares against the libraries themselves.
MEASURING = "evals.performance"


def modules() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts), path


def imported(tree: ast.AST) -> Iterator[str]:
    """Every imported module, also inside functions and under TYPE_CHECKING."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


def strangers() -> Iterator[str]:
    for module, path in modules():
        if module.startswith(MEASURING):
            continue
        for name in imported(ast.parse(path.read_text())):
            doors = DOORS.get(name.split(".")[0])
            if doors is not None and not module.startswith(doors):
                yield f"{module} imports {name}; its door is {' or '.join(doors) or 'nowhere'}"


def test_that_each_vendor_is_imported_at_its_door_only() -> None:
    assert list(strangers()) == []


def test_that_sqlalchemy_stays_in_tables_and_queries() -> None:
    def allowed(module: str, name: str) -> bool:
        return (
            module.startswith(("agentflow.kit", "agentflow.migrations", "agentflow.analytics", MEASURING))
            or module.endswith((".models", ".repository"))
            or name == "sqlalchemy.ext.asyncio"
        )

    wrong = [
        f"{module} imports {name}"
        for module, path in modules()
        for name in imported(ast.parse(path.read_text()))
        if name.split(".")[0] == "sqlalchemy" and not allowed(module, name)
    ]
    assert wrong == []


@pytest.mark.parametrize("vendor", ["dbos", "qdrant_client", "fastapi"])
def test_that_the_check_can_fail(vendor: str) -> None:
    tree = ast.parse(f"def late():\n    import {vendor}.inner")
    assert [name.split(".")[0] for name in imported(tree)] == [vendor]
    assert not "crm.inbox.service".startswith(DOORS[vendor])
