"""What starting the server loads, and that the top-level names are ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import agentflow
import channels
import crm
import evals
import knowledge

HEAVY = ("torch", "sentence_transformers", "llama_index", "langchain", "pypdf", "openpyxl", "botocore")

# With the default embedder, files in a folder, vectors in memory and no model connection.
UNUSED = ({*HEAVY} - {"langchain"}) | {"qdrant_client", "onnx", "lxml", "trafilatura", "openai"}
START = """
import asyncio, sys
from pathlib import Path
from agentflow import bootstrap
from agentflow.cli import serve
from agentflow.kit.settings import Settings

async def main():
    async with bootstrap.start(Settings(home=Path(sys.argv[1]))):
        print(*sorted({name.partition(".")[0] for name in sys.modules}))

asyncio.run(main())
"""


def test_that_the_api_loads_no_heavy_library() -> None:
    code = f"import sys, agentflow.api.app; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_that_a_server_that_works_loads_nothing_it_does_not_use(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", START, str(tmp_path)], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert {"agentflow", "dbos", "onnxruntime"} <= loaded
    assert loaded & UNUSED == set()


def test_that_the_top_level_names_are_ours() -> None:
    root = agentflow.__path__[0].rsplit("/", 1)[0]
    for package in (channels, crm, evals, knowledge):
        assert package.__path__[0].rsplit("/", 1)[0] == root
