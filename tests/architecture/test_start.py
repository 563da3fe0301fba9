"""What starting the server loads, and that the top-level names are ours."""

from __future__ import annotations

import subprocess
import sys

import agentflow
import channels
import crm
import evals
import knowledge

HEAVY = ("torch", "sentence_transformers", "llama_index", "langchain", "pypdf", "openpyxl", "botocore")


def test_that_the_api_loads_no_heavy_library() -> None:
    code = f"import sys, agentflow.api.app; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_that_the_top_level_names_are_ours() -> None:
    root = agentflow.__path__[0].rsplit("/", 1)[0]
    for package in (channels, crm, evals, knowledge):
        assert package.__path__[0].rsplit("/", 1)[0] == root
