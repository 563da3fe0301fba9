"""The demo workspace of a first run: a shop's knowledge, one agent and a live-chat widget."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from agentflow.agents import service as agents
from agentflow.agents.schemas import AgentCreate, CustomerAsks
from agentflow.bootstrap import Application, connect_environment_model
from agentflow.cli.admin import first_password
from agentflow.kit.settings import Settings
from channels import service as channels
from channels.schemas import ChannelAccountCreate, PublicSettings
from crm.inbox import service as inbox
from crm.teams import service as teams
from crm.teams.passwords import hash_password
from crm.teams.schemas import ApiKeyCreate, Role, Scope
from knowledge import service as knowledge
from knowledge.schemas import KnowledgeBaseCreate

SAMPLE = Path(__file__).parent / "sample"
SITE = "demo"
EMAIL = "admin@example.com"
SUGGESTIONS = (
    "How long do I have to return something?",
    "What does the Dune floor lamp cost?",
    "When is the shop open?",
)


@dataclass(frozen=True)
class FirstRun:
    """What is printed once and stored nowhere in the clear."""

    password: str
    api_key: str


async def make(app: Application) -> FirstRun | None:
    """Make the demo workspace in an empty database; None where there is a workspace already.

    The records are one transaction. The sample files follow; a run that died between is mended by the next,
    but what was deleted stays away. Every start brings the model of the environment up to date.
    """
    async with app.db.transaction() as session:
        made = None if await teams.lock_workspaces(session) else await _make_records(app, session)
        for workspace_id in await teams.lock_workspaces(session):
            await connect_environment_model(session, workspace_id, app.settings)
    async with app.db.read() as session:
        account = await channels.find_account_by_ref(session, "livechat", SITE)
        if account is None:
            return made
        bases = await knowledge.list_knowledge_bases(session, account.workspace_id, limit=1)
        known = await knowledge.list_sources(session, account.workspace_id, bases[0].id)
    if made is not None or not (known or bases[0].generation):
        for file in sorted(SAMPLE.iterdir()):
            await knowledge.upload(
                app.db,
                app.files,
                account.workspace_id,
                bases[0].id,
                name=file.name,
                content=await asyncio.to_thread(file.read_bytes),
            )
    return made


async def _make_records(app: Application, session: AsyncSession) -> FirstRun:
    password = first_password()
    workspace = await teams.create_workspace(
        session, name="Harbour & Pine", time_zone="Europe/Amsterdam", locale="en"
    )
    await teams.create_staff_member(
        session,
        workspace.id,
        email=EMAIL,
        name="Admin",
        password_hash=hash_password(password),
        role=Role.ADMIN,
    )
    _, api_key = await teams.create_key(
        session, workspace.id, ApiKeyCreate(name="first key", scopes=list(Scope))
    )
    base = await knowledge.create_knowledge_base(
        session, workspace.id, KnowledgeBaseCreate(name="Shop knowledge")
    )
    agent = await agents.create_agent(
        session,
        workspace.id,
        AgentCreate(
            name="Pine",
            knowledge_base_id=base.id,
            handoff_rules=[CustomerAsks(kind="customer_asks")],
        ),
    )
    account = await channels.create_account(
        session,
        workspace.id,
        ChannelAccountCreate(
            name="Demo website",
            allowed_origins=[app.settings.public_url, f"http://localhost:{app.settings.port}"],
            public_settings=PublicSettings(suggestions=list(SUGGESTIONS)),
        ),
        ref=SITE,
    )
    await inbox.set_route(session, workspace.id, account.id, agent.id)
    return FirstRun(password, api_key)


def welcome(settings: Settings, made: FirstRun | None) -> str:
    """What a person reads when the server has started."""
    address = settings.public_url
    lines = ["", f"  AgentFlow is running: {address}", f"  Your files and inbox: {address}/admin"]
    if made is not None:
        lines += [
            "",
            "  Shown this once:",
            f"    admin e-mail     {EMAIL}",
            f"    first password   {made.password}   (you choose a new one when you log in)",
            f"    API key          {made.api_key}",
        ]
    return "\n".join([*lines, "", "  Stop with Ctrl-C.", ""])
