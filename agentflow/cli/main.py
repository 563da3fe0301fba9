"""Every command in one list; what a command does stands in the file beside."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError
from typer.exceptions import TyperException

from agentflow.cli import admin, ask, care, remote, search, serve
from agentflow.cli.words import complain, warn_no_text
from agentflow.kit.errors import AppError
from agentflow.kit.settings import Settings


class CommandLine(typer.Typer):
    """Says wrong usage in one line, where Typer draws a box; without a command it shows the help."""

    def __call__(self, args: Sequence[str] | None = None) -> NoReturn:
        """Run one command and leave with its exit code: 0, or 2 for wrong usage."""
        given = sys.argv[1:] if args is None else args
        try:
            code = super().__call__(given or ["--help"], standalone_mode=False)
        except TyperException as wrong:
            complain(wrong.format_message())
            code = 2
        sys.exit(code)


app = CommandLine(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="AI agents in front of your customers: an answer that cites its source, or a human.",
)
models_app = typer.Typer(help="The local embedding model.")
admin_app = typer.Typer(help="What an operator does on the machine itself.")
app.add_typer(models_app, name="models")
app.add_typer(admin_app, name="admin")

Url = Annotated[str | None, typer.Option(help="Address of the running server.", show_default="from settings")]


def run(work: Coroutine[object, object, int | None]) -> None:
    """Run a command; a refusal becomes one clear line and exit code 2."""
    try:
        code = asyncio.run(work)
    except AppError as refused:
        complain(refused.detail)
        raise typer.Exit(2) from None
    raise typer.Exit(code or 0)


def read_settings() -> Settings:
    """Settings from the environment; a malformed one is said in one line."""
    try:
        return Settings()
    except ValidationError as wrong:
        first = wrong.errors()[0]
        name = "__".join(str(part) for part in first["loc"]).upper()
        complain(f"The setting AGENTFLOW_{name} is wrong: {first['msg']}.")
        raise typer.Exit(2) from None


@app.command("serve")
def serve_command() -> None:
    """Start the API, the widget and the worker in one process; the first run makes a demo workspace."""
    run(serve.serve(read_settings()))


@app.command("worker")
def worker_command() -> None:
    """Start a further worker beside a server (PostgreSQL only)."""
    run(serve.work(read_settings()))


@app.command("ask")
def ask_command(
    question: Annotated[str | None, typer.Argument(help="The question.")] = None,
    source: Annotated[
        list[Path] | None, typer.Option(help="A file, or a folder of files; may be repeated.")
    ] = None,
    agent: Annotated[Path | None, typer.Option(help="The agent's configuration, as YAML.")] = None,
    questions: Annotated[
        Path | None, typer.Option(help='Many questions: a line each, {"id": …, "question": …}.')
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Answer from files, without a server: each question is a new conversation with a temporary agent."""
    order = ask.Order(question, tuple(source or ()), agent, questions, as_json)
    run(ask.ask(read_settings(), order))


@app.command("search")
def search_command(
    question: Annotated[str, typer.Argument(help="The question.")],
    source: Annotated[
        list[Path] | None, typer.Option(help="A file, or a folder of files; may be repeated.")
    ] = None,
    knowledge_base: Annotated[
        str | None,
        typer.Option("--knowledge-base", help="Id of one on the running server, instead of files."),
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(envvar="AGENTFLOW_API_KEY", help="A key with knowledge:read, for the server."),
    ] = None,
    url: Url = None,
    limit: Annotated[int, typer.Option(min=1, max=50, help="How many passages.")] = 10,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line, one for each passage.")
    ] = False,
) -> None:
    """Show which passages a question finds, with every score and what chose each."""
    order = search.Order(question, tuple(source or ()), knowledge_base, limit, as_json)
    run(search.search(read_settings(), order, url=url, api_key=api_key))


@app.command("extract")
def extract_command(source: Annotated[Path, typer.Argument(help="A file.")]) -> None:
    """Print the text that is read from a file; citation offsets count its code points."""
    try:
        text = ask.extract_text(source)
    except AppError as refused:
        complain(refused.detail)
        raise typer.Exit(2) from None
    if not text.strip():
        warn_no_text(source.name)
    sys.stdout.buffer.write(text.encode())


@app.command("ingest")
def ingest_command(
    sources: Annotated[
        list[str],
        typer.Argument(help="Files or folders, to add or, by name, to replace; addresses of pages."),
    ],
    api_key: Annotated[str, typer.Option(envvar="AGENTFLOW_API_KEY", help="A key with knowledge:write.")],
    knowledge_base: Annotated[
        str | None, typer.Option(help="Id of the knowledge base.", show_default="the only one")
    ] = None,
    site: Annotated[bool, typer.Option("--site", help="Follow each address to its whole site.")] = False,
    url: Url = None,
) -> None:
    """Upload files to the running server, or have it fetch addresses, and wait until they are ready."""
    order = remote.Ingest(tuple(sources), api_key, knowledge_base, site)
    run(remote.ingest(read_settings(), order, url=url))


@app.command("chat")
def chat_command(
    site: Annotated[str, typer.Option(help="The site key of a live-chat widget.")] = "demo",
    url: Url = None,
) -> None:
    """Talk to the running server as a visitor of a website would."""
    run(remote.chat(read_settings(), site=site, url=url))


@app.command("backup")
def backup_command(
    file: Annotated[Path, typer.Argument(help="A new file, a zip.")],
    prune: Annotated[
        bool, typer.Option("--prune", help="Then delete the back-ups in its folder whose time is over.")
    ] = False,
) -> None:
    """Write the database and the uploaded files into one file; servers may run meanwhile."""
    run(care.backup(read_settings(), file, prune=prune))


@app.command("restore")
def restore_command(
    file: Annotated[Path, typer.Argument(help="A file that `backup` wrote.")],
    force: Annotated[bool, typer.Option("--force", help="Replace the data that is here.")] = False,
    erasures_lost: Annotated[
        bool,
        typer.Option("--erasures-lost", help="Do without the folder files/erasures of where it was made."),
    ] = False,
) -> None:
    """Put a back-up in place; stop every server and worker first. Who was erased since is erased again."""
    run(care.restore(read_settings(), file, force=force, erasures_lost=erasures_lost))


@models_app.command("build")
def build_command() -> None:
    """Build the default model for this machine, once; later calls find it and do nothing."""
    run(admin.build_models(read_settings()))


@admin_app.command("reset-password")
def reset_password_command(
    email: Annotated[str, typer.Argument(help="The staff member's address.")],
    second_factor_off: Annotated[
        bool,
        typer.Option("--second-factor-off", help="Switch the second factor off too: app and codes are lost."),
    ] = False,
) -> None:
    """Give a staff member a new first password; it is printed once and must be changed at log-in."""
    run(admin.reset_password(read_settings(), email, second_factor_off=second_factor_off))


@admin_app.command("rotate-key")
def rotate_key_command(
    check: Annotated[bool, typer.Option("--check", help="Only say how much is under an old key.")] = False,
) -> None:
    """Encrypt everything again with the newest key of AGENTFLOW_KEY (newest first), while servers run."""
    run(admin.rotate_key(read_settings(), check=check))


@app.command("reindex", hidden=True)
@admin_app.command("reindex")
def reindex_command() -> None:
    """Embed all knowledge again after AGENTFLOW_EMBEDDING__MODEL or its precision was changed."""
    run(admin.reindex(read_settings()))
