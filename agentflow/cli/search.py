"""Show what a search finds and why: in files, without a server, or in a knowledge base of a running one."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agentflow import bootstrap
from agentflow.cli import remote
from agentflow.cli.ask import Usage, source_files, take_in
from agentflow.cli.words import printable
from agentflow.kit.settings import Settings
from crm.teams import service as teams
from knowledge import console as explaining
from knowledge import service as knowledge
from knowledge.console import Explanation, RankedPassage, SearchOrder
from knowledge.schemas import KnowledgeBaseCreate


@dataclass(frozen=True)
class Order:
    """What the command line asks for."""

    question: str
    sources: tuple[Path, ...]
    knowledge_base: str | None
    limit: int
    as_json: bool


async def search(settings: Settings, order: Order, *, url: str | None, api_key: str | None) -> None:
    """Search and print. Raises Usage, UnreadableSource, and the server's refusals."""
    if bool(order.sources) == (order.knowledge_base is not None):
        raise Usage("Give either --source PATH or --knowledge-base ID.")
    try:
        asked = SearchOrder(question=order.question, limit=order.limit)
    except ValidationError as wrong:
        raise Usage(f"The question cannot be searched for: {wrong.errors()[0]['msg']}.") from wrong
    if order.knowledge_base is None:
        found = await _in_files(settings, order, asked)
    else:
        path = f"/api/v1/knowledge-bases/{order.knowledge_base}/search"
        answer = await remote.post(settings, path, asked.model_dump(), url=url, api_key=api_key)
        found = Explanation.model_validate(answer)
    if order.as_json:
        for row in as_rows(found):
            typer.echo(row)
    else:
        show(found, Console())


async def _in_files(settings: Settings, order: Order, asked: SearchOrder) -> Explanation:
    files = source_files(order.sources)
    with tempfile.TemporaryDirectory(prefix="agentflow-search-") as home:
        alone = settings.model_copy(update={"home": Path(home), "database_url": None, "qdrant_url": None})
        async with bootstrap.start(alone, jobs=False) as app:
            async with app.db.transaction() as session:
                workspace = await teams.create_workspace(session, name="search", time_zone="UTC", locale="en")
                data = KnowledgeBaseCreate(name="search")
                base = await knowledge.create_knowledge_base(session, workspace.id, data)
            await take_in(app, workspace.id, base.id, files)
            return await explaining.explain(app.searcher, workspace.id, base.id, asked)


def as_rows(found: Explanation) -> Iterator[str]:
    """One line for each passage; every line also says how the search as a whole came out."""
    whole = found.model_dump(mode="json", exclude={"items"})
    for item in found.items:
        yield json.dumps(whole | item.model_dump(mode="json"), ensure_ascii=False)


def show(found: Explanation, console: Console) -> None:
    """A table for a person, and the verdict under it."""
    table = Table("#", "score", "dense", "letters", "sentence", "passage")
    for item in found.items:
        scores = (f"{value:.2f}" for value in (item.score, item.dense, item.lexical, item.sentence))
        table.add_row(str(item.rank), *scores, Text(_why(item)))
    console.print(table)
    console.print(Text(_verdict(found)))


def _verdict(found: Explanation) -> str:
    said = "known: the agent answers" if found.known else "not known: the agent refuses"
    lines = [said]
    if evidence := found.evidence:
        parts = ", ".join(
            f"{name.replace('_', ' ')} {value:.2f}" for name, value in evidence.model_dump().items()
        )
        lines = [f"{said} ({evidence.margin:+.2f} against the line)", f"evidence: {parts}"]
    if found.topics and not found.known:
        lines.append(printable(f"topics: {', '.join(found.topics)}"))
    lines.append("ms: " + ", ".join(f"{name} {spent:.1f}" for name, spent in found.timings_ms.items()))
    return "\n".join(lines)


def _why(item: RankedPassage) -> str:
    """Where the passage stands, its best sentence, and the letters it shares with the question."""
    best = item.best_sentence.text if item.best_sentence else item.text
    matched = f"shared: {', '.join(item.matched)}" if item.matched else "no shared letters"
    return "\n".join(printable(line) for line in (_where(item), best, matched))


def _where(item: RankedPassage) -> str:
    if item.sheet is not None:
        return f"{item.source}, {item.sheet}, row {item.row}"
    return f"{item.source}, page {item.page}" if item.page is not None else item.source
