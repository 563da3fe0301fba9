"""Back up and restore."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import Progress as RichProgress
from rich.progress import TaskID

from agentflow import bootstrap
from agentflow.care import backup as backups
from agentflow.care import erasing
from agentflow.care import restore as restoring
from agentflow.kit.settings import Settings


async def backup(settings: Settings, target: Path, *, prune: bool) -> None:
    """Write everything into a new file; servers may run meanwhile. Then `prune` its folder, if asked to."""
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(bootstrap.open_database(settings))
        files = await bootstrap.open_files(settings, stack)
        with _progress() as tell:
            made = await backups.backup(db, files, target, tell)
        gone, kept = await backups.prune(db, files, target.parent) if prune else ([], [])
    typer.echo(
        f"{target}: {sum(made.rows.values())} rows of {len(made.rows)} tables and {len(made.files)} files. "
        f"Delete it by {made.expires_at:%Y-%m-%d}. The encryption key is not in it: keep that elsewhere."
    )
    for name in gone:
        typer.echo(f"{name} had expired and is deleted.")
    for name in kept:
        typer.echo(f"{name} has expired and is not in this folder: delete it where it lies.")


async def restore(settings: Settings, source: Path, *, force: bool, erasures_lost: bool) -> None:
    """Put a back-up in place of what is here; no server may run."""
    async with AsyncExitStack() as stack:
        files = await bootstrap.open_files(settings, stack)
        with _progress() as tell:
            found = await restoring.restore(
                settings, files, source, tell, force=force, erasures_lost=erasures_lost
            )
        db = await stack.enter_async_context(bootstrap.open_database(settings))
        await restoring.list_again(db, found, source)
        bootstrap.load_tables()
        again = await erasing.repeat(db, files)
    if again:
        typer.echo(f"{again} people who had been erased since were erased again.")
    typer.echo(
        f"Restored {sum(found.rows.values())} rows of {len(found.rows)} tables and {len(found.files)} files "
        f"as of {found.created_at:%Y-%m-%d %H:%M} UTC."
    )


@contextmanager
def _progress() -> Iterator[backups.Tell]:
    with RichProgress(console=Console(stderr=True), transient=True) as shown:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = shown.add_task(what, total=total)
            shown.update(tasks[what], completed=done, total=total)

        yield tell
