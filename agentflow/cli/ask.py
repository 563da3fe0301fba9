"""Answer from files without a server: a temporary workspace, one agent, each question a new conversation."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
import yaml
from rich.console import Console
from rich.progress import track

from agentflow import bootstrap
from agentflow.agents import service as agents
from agentflow.agents.replies import CheckedSentence, Citation, Outcome, TurnRequest
from agentflow.agents.schemas import AgentCreate
from agentflow.cli.words import printable, warn_no_text
from agentflow.kit.errors import BadRequest
from agentflow.kit.ids import new_id
from agentflow.kit.settings import Settings
from crm.teams import service as teams
from crm.teams.schemas import TeamCreate
from knowledge import service as knowledge
from knowledge.errors import SourceRefused
from knowledge.models import SourceState
from knowledge.passages import Passage
from knowledge.reading import extract
from knowledge.schemas import KnowledgeBaseCreate, SourceRead


class Usage(BadRequest):
    """The command line does not say what to do."""

    code = "usage"


class UnreadableSource(BadRequest):
    """A source cannot be used; the detail names the file and the reason."""

    code = "unreadable_source"


@dataclass(frozen=True)
class Order:
    """What the command line asks for."""

    question: str | None
    sources: tuple[Path, ...]
    agent: Path | None
    questions: Path | None
    as_json: bool


@dataclass(frozen=True)
class Asked:
    """One question; the id is the caller's."""

    id: str
    question: str


async def ask(settings: Settings, order: Order) -> None:
    """Answer every question of the order on stdout.

    Raises Usage, UnreadableSource and the agent file's own refusals, before anything is printed.
    """
    asked = read_questions(order)
    data = read_agent(order.agent)
    files = source_files(order.sources)
    with tempfile.TemporaryDirectory(prefix="agentflow-ask-") as home:
        alone = settings.model_copy(update={"home": Path(home), "database_url": None, "qdrant_url": None})
        async with bootstrap.start(alone, jobs=False) as app:
            request = await _set_up(app, data, files)
            rows: Sequence[Asked] = asked
            for row in track(
                rows,
                description="Answering",
                console=Console(stderr=True),
                transient=True,
                disable=order.questions is None,
            ):
                outcome = await app.replier.reply(_new_conversation(request, row.question), _say_nothing)
                typer.echo(as_json(row, outcome) if order.as_json else as_text(row, outcome, len(rows)))


def extract_text(source: Path) -> str:
    """The text that is read from a file. Raises UnreadableSource and the readers' refusals."""
    _check_file(source)
    return extract(source, source.name)


def read_questions(order: Order) -> list[Asked]:
    """The questions, from the argument or the file. Raises Usage."""
    if (order.question is None) == (order.questions is None):
        raise Usage("Give either a question or --questions FILE.jsonl.")
    if order.question is not None:
        if not order.question.strip():
            raise Usage("The question is empty.")
        return [Asked("1", order.question)]
    assert order.questions is not None
    try:
        lines = order.questions.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as wrong:
        raise Usage(f"The questions file {order.questions} cannot be read: {wrong}.") from wrong
    asked = [_question(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not asked:
        raise Usage(f"The questions file {order.questions} holds no question.")
    return asked


def _question(number: int, line: str) -> Asked:
    try:
        row = json.loads(line)
        asked = Asked(str(row["id"]), row["question"])
    except (ValueError, TypeError, KeyError) as wrong:
        raise Usage(f'Line {number} of the questions is not {{"id": …, "question": …}}.') from wrong
    if not isinstance(asked.question, str) or not asked.question.strip():
        raise Usage(f"Line {number} of the questions has no question.")
    return asked


def read_agent(path: Path | None) -> AgentCreate:
    """The agent of the YAML file, or a plain one. Raises Usage and BadAgentFile."""
    if path is None:
        return AgentCreate(name="Agent")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as wrong:
        raise Usage(f"The agent file {path} cannot be read: {' '.join(str(wrong).split())}.") from wrong
    return agents.parse_agent(values)


def source_files(sources: Sequence[Path]) -> list[Path]:
    """The files named, a folder meaning the files in it. Raises UnreadableSource."""
    files: list[Path] = []
    for source in sources:
        if source.is_dir():
            files += files_in(source)
        else:
            _check_file(source)
            files.append(source)
    names = [file.name for file in files]
    for file in files:
        if names.count(file.name) > 1:
            raise UnreadableSource(f"Two sources are named {file.name}; rename one of them.")
    return files


def files_in(folder: Path) -> list[Path]:
    """The files of a folder by name, without the hidden ones and those of folders in it."""
    return sorted(file for file in folder.iterdir() if file.is_file() and file.name[0] != ".")


def _check_file(source: Path) -> None:
    if not source.exists():
        raise UnreadableSource(f"{source} does not exist.")
    if not source.is_file():
        raise UnreadableSource(f"{source} is not a file.")


async def _set_up(app: bootstrap.Application, data: AgentCreate, files: Sequence[Path]) -> TurnRequest:
    """The workspace with its knowledge and its agent; a request that lacks only the question."""
    async with app.db.transaction() as session:
        workspace = await teams.create_workspace(session, name="ask", time_zone="UTC", locale="en")
        for name in agents.teams_named(data):
            if await teams.find_team_by_name(session, workspace.id, name) is None:
                await teams.create_team(session, workspace.id, TeamCreate(name=name))
        base = await knowledge.create_knowledge_base(session, workspace.id, KnowledgeBaseCreate(name="ask"))
        agent = await agents.create_agent(
            session, workspace.id, data.model_copy(update={"knowledge_base_id": base.id})
        )
        await bootstrap.connect_environment_model(session, workspace.id, app.settings)
    await take_in(app, workspace.id, base.id, files)
    return TurnRequest(
        workspace_id=workspace.id, agent_id=agent.id, conversation_id="", contact_id="", question=""
    )


async def take_in(
    app: bootstrap.Application, workspace_id: str, knowledge_base_id: str, files: Sequence[Path]
) -> None:
    """Add files to a knowledge base, here and now. Raises UnreadableSource for one that fails."""
    added = [await _add(app, workspace_id, knowledge_base_id, file) for file in files]
    await app.ingest_all([(source.id, source.version) for source in added])
    async with app.db.read() as session:
        for source in added:
            _check_ready(await knowledge.get_source(session, workspace_id, source.id))


async def _add(
    app: bootstrap.Application, workspace_id: str, knowledge_base_id: str, file: Path
) -> SourceRead:
    try:
        content = await asyncio.to_thread(file.read_bytes)
    except OSError as wrong:
        raise UnreadableSource(f"{file} cannot be read: {wrong.strerror}.") from wrong
    try:
        return await knowledge.upload(
            app.db, app.files, workspace_id, knowledge_base_id, name=file.name, content=content
        )
    except SourceRefused as refused:
        raise UnreadableSource(f"{file.name}: {refused.detail}") from refused


def _check_ready(source: SourceRead) -> None:
    if source.state is not SourceState.READY:
        reason = source.reason.detail if source.reason else "It could not be read."
        raise UnreadableSource(f"{source.name}: {reason}")
    if source.warning == "no_text":
        warn_no_text(source.name)


def _new_conversation(request: TurnRequest, question: str) -> TurnRequest:
    return TurnRequest(
        workspace_id=request.workspace_id,
        agent_id=request.agent_id,
        conversation_id=new_id("cnv"),
        contact_id=new_id("con"),
        question=question,
    )


async def _say_nothing(_sentence: CheckedSentence) -> None:
    """The whole answer is printed at its end."""


def as_json(row: Asked, outcome: Outcome) -> str:
    """One line for a program. Offsets are code points into what `agentflow extract` prints."""
    return json.dumps(
        {
            "id": row.id,
            "question": row.question,
            "action": outcome.action,
            "text": outcome.text,
            "language": outcome.language,
            "sentences": [
                {"text": one.text, "citations": [_citation(cited) for cited in one.citations]}
                for one in outcome.sentences
            ],
            "passages": [_passage(rank, one) for rank, one in enumerate(outcome.passages, 1)],
            "tool_calls": [
                {"name": call.name, "args": dict(call.args), "outcome": call.outcome}
                for call in outcome.tool_calls
            ],
            "handoff": {"team": outcome.handoff.team, "reason": outcome.handoff.reason}
            if outcome.handoff
            else None,
            "guardrail": {"name": outcome.guardrail} if outcome.guardrail else None,
            "model": outcome.model,
            "timings_ms": {name: round(value, 2) for name, value in outcome.timings_ms.items()},
        },
        ensure_ascii=False,
    )


def _place(at: Citation | Passage) -> dict[str, object]:
    return {
        "source": at.source,
        "page": at.page,
        "sheet": at.sheet,
        "row": at.row,
        "start": at.start,
        "end": at.end,
    }


def _citation(cited: Citation) -> dict[str, object]:
    return _place(cited) | {"quote": cited.quote}


def _passage(rank: int, one: Passage) -> dict[str, object]:
    return {"rank": rank, "score": round(one.score, 4)} | _place(one) | {"text": one.text}


def as_text(row: Asked, outcome: Outcome, total: int) -> str:
    """A few lines for a person: the answer with numbers, then what they stand for."""
    return "\n".join(map(printable, _lines(row, outcome, total)))


def _lines(row: Asked, outcome: Outcome, total: int) -> Iterator[str]:
    if total > 1:
        yield f"{row.id}. {row.question}"
    notes: list[str] = []
    said: list[str] = []
    for sentence in outcome.sentences:
        numbers = ""
        for cited in sentence.citations:
            notes.append(f'[{len(notes) + 1}] {cited.source}{_where(cited)}: "{cited.quote}"')
            numbers += f" [{len(notes)}]"
        said.append(sentence.text + numbers)
    yield " ".join(said)
    if outcome.handoff:
        yield f"(handed over to {outcome.handoff.team}: {outcome.handoff.reason})"
    if notes:
        yield ""
        yield from notes
    if total > 1:
        yield ""


def _where(cited: Citation) -> str:
    if cited.sheet is not None:
        return f", {cited.sheet}, row {cited.row}"
    where = f"page {cited.page}" if cited.page is not None else cited.heading
    return f", {where}" if where else ""
