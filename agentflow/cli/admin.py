"""What an operator does on the machine itself."""

from __future__ import annotations

import secrets
from functools import partial

import typer
from rich.console import Console
from rich.progress import Progress as RichProgress
from rich.progress import TaskID

from agentflow import bootstrap
from agentflow.kit import key_rotation
from agentflow.kit.db import load_keys
from agentflow.kit.settings import Settings
from crm.teams import service as teams
from crm.teams.passwords import hash_password
from crm.teams.second_factor import service as second_factor
from knowledge import reindex as reindexing
from knowledge import service as knowledge


def first_password() -> str:
    """A password to be changed at the first log-in: 96 random bits, easy to type."""
    return "-".join(secrets.token_hex(3) for _ in range(4))


async def reset_password(settings: Settings, email: str, *, second_factor_off: bool = False) -> None:
    """Print a new first password. Raises RecordNotFound."""
    password = first_password()
    async with bootstrap.open_database(settings) as db, db.transaction() as session:
        staff = await teams.reset_password(session, email=email, password_hash=hash_password(password))
        if second_factor_off:
            await second_factor.switch_off(session, staff)
    typer.echo(f"{email} can log in once with the password {password} and must then change it.")


async def reindex(settings: Settings) -> None:
    """Embed every stored passage again with the embedder that the settings choose. Safe to repeat."""
    async with bootstrap.start(settings, jobs=False) as app:
        embedder = app.ingest_deps.embedder
        async with app.db.read() as session:
            bases = await knowledge.all_knowledge_bases(session)
        for base in bases:
            with RichProgress(console=Console(stderr=True), transient=True) as shown:
                task = shown.add_task(base.name, total=None)
                count = await reindexing.reindex(
                    app.db, embedder, base.workspace_id, base.id, partial(_show, shown, task)
                )
            told = "has these vectors already" if count is None else f"{count} passages embedded"
            typer.echo(f"{base.name} ({base.id}): {told} ({embedder.name})")


def _show(shown: RichProgress, task: TaskID, done: int, total: int) -> None:
    shown.update(task, completed=done, total=total)


async def rotate_key(settings: Settings, *, check: bool) -> int:
    """Encrypt everything with the newest key, or only say how much is under an older one.

    The exit code is 1 while an old key is still needed.
    """
    bootstrap.load_tables()
    keys = load_keys(settings)
    async with bootstrap.open_database(settings) as db:
        with RichProgress(console=Console(stderr=True), transient=True) as shown:
            tasks: dict[str, TaskID] = {}

            def tell(table: str, rows: int, changed: int) -> None:
                task = (
                    tasks[table]
                    if table in tasks
                    else tasks.setdefault(table, shown.add_task(table, total=None))
                )
                shown.update(
                    task, completed=rows, description=f"{table}: {rows} rows, {changed} under an old key"
                )

            if not check:
                await key_rotation.rotate(db, keys, tell)
            found = await key_rotation.standing(db, keys, tell)
    for name, count in found.tables.items():
        typer.echo(f"{name}: {count} under an old key")
    typer.echo(
        f"{found.values} encrypted values, {found.old} under an old key, {found.unreadable} under none given"
    )
    if found.old == 0 and found.unreadable == 0 and len(keys) > 1:
        typer.echo(
            "The older keys of AGENTFLOW_KEY are needed no more, once every server has the newest first."
        )
    return 1 if found.old or found.unreadable else 0


async def build_models(settings: Settings) -> None:
    """Build the default embedding model into the model cache."""
    folder = bootstrap.build_default_model(settings)
    typer.echo(f"The local model is ready in {folder}")
