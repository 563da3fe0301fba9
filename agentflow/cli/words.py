"""What a command says beside its result."""

from __future__ import annotations

import re

import typer

_OBEYED = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def printable(text: str) -> str:
    """A document's text as one line, without what a terminal would obey."""
    return _OBEYED.sub(" ", text)


def complain(detail: str) -> None:
    """One line on stderr, whatever a file's name or a parser's message holds."""
    typer.echo(f"agentflow: {printable(' '.join(detail.split()))}", err=True)


def warn_no_text(name: str) -> None:
    """The file is fine, yet nothing can be answered from it."""
    complain(f"{name} has no text (a scan, or empty), so nothing can be answered from it.")
