"""The retrieval console: which passages a question finds, why, and whether they count as an answer."""

from __future__ import annotations

from fastapi import APIRouter

from agentflow.api.deps import App, KnowledgeReader
from knowledge import console
from knowledge.console import Explanation, SearchOrder

router = APIRouter(tags=["knowledge"])


@router.post("/knowledge-bases/{knowledge_base_id}/search")
async def search(knowledge_base_id: str, data: SearchOrder, app: App, who: KnowledgeReader) -> Explanation:
    """Ranked passages with every score and what chose them, and the evidence against the refusal's line."""
    return await console.explain(app.searcher, who.workspace_id, knowledge_base_id, data)
