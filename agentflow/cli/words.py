"""What a command says beside its result."""

from __future__ import annotations

import typer


def complain(detail: str) -> None:
    """One line on stderr, whatever a file's name or a parser's message holds."""
    typer.echo(f"agentflow: {' '.join(detail.split())}", err=True)


def warn_no_text(name: str) -> None:
    """The file is fine, yet nothing can be answered from it."""
    complain(f"{name} has no text (a scan, or empty), so nothing can be answered from it.")
