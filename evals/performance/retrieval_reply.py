"""Whether an offline reply of at most four sentences holds the answer: the real runner on eight articles.

The answer counts as held when one of its wordings stands in the reply. Aim: 90 % of the answerable questions.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path

from agentflow.agents import service as agents
from agentflow.agents.replies import Outcome, TurnRequest
from agentflow.agents.schemas import AgentCreate, AnswerLength
from agentflow.bootstrap import Application
from crm.teams import service as teams
from evals.performance.measuring import table, temporary_application
from evals.performance.retrieval_bases import Row
from knowledge import service as knowledge
from knowledge.schemas import KnowledgeBaseCreate


def main(data: Path) -> None:
    """Print the table."""
    asyncio.run(_measure(data / "retrieval_en"))


async def _measure(folder: Path) -> None:
    rows = [json.loads(line) for line in (folder / "qa.jsonl").read_text().splitlines()]
    asked = [row for row in rows if row["answerable"]]
    counts: Counter[str] = Counter()
    async with temporary_application(jobs=False) as app:
        workspace_id, agent_id = await prepare(app, sorted((folder / "docs").glob("*.txt")))
        for number, row in enumerate(asked):
            request = TurnRequest(workspace_id, agent_id, f"cnv_{number}", "con_1", row["question"])
            outcome = await app.replier.reply(request, _ignore)
            counts.update(_counted(outcome, row))
    share = {name: 100 * counts[name] / len(asked) for name in ("held", "refused")}
    table(
        f"offline replies to {len(asked)} answerable questions of retrieval_en",
        [
            ("hold the answer, %", "refused, %", "sentences on average", "aim"),
            (
                f"{share['held']:.1f}",
                f"{share['refused']:.1f}",
                f"{counts['sentences'] / max(1, len(asked) - counts['refused']):.2f}",
                "90 with at most 4",
            ),
        ],
    )


async def prepare(app: Application, files: list[Path]) -> tuple[str, str]:
    """A workspace with an agent that knows the files; returns their ids."""
    async with app.db.transaction() as session:
        workspace = await teams.create_workspace(session, name="bench", time_zone="UTC", locale="en")
        base = await knowledge.create_knowledge_base(session, workspace.id, KnowledgeBaseCreate(name="bench"))
        agent = await agents.create_agent(
            session,
            workspace.id,
            AgentCreate(name="bench", knowledge_base_id=base.id, answer_length=AnswerLength.MODERATE),
        )
        ids = workspace.id, agent.id
    added = [
        await knowledge.upload(app.db, app.files, ids[0], base.id, name=file.name, content=file.read_bytes())
        for file in files
    ]
    await app.ingest_all([(source.id, source.version) for source in added])
    return ids


def _counted(outcome: Outcome, row: Row) -> dict[str, int]:
    said = " ".join(" ".join(sentence.text for sentence in outcome.sentences).split()).casefold()
    return {
        "held": any(" ".join(answer.split()).casefold() in said for answer in row["answers"]),
        "refused": outcome.action == "refuse",
        "sentences": sum(sentence.kind == "fact" for sentence in outcome.sentences),
    }


async def _ignore(_sentence: object) -> None:
    """Nobody listens."""
