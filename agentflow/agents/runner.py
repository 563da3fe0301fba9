"""One reply: guardrails and rules first, then the model's loop, then what it comes down to.

Never silence and never a crash: whatever breaks inside ends in a stock text or a handoff, and in the trace.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from langchain_core.language_models import BaseChatModel

from agentflow.agents import service
from agentflow.agents.citations import CitationChecker, classify
from agentflow.agents.guardrails import GuardrailMatch, Guardrails, OrdinaryQuestions
from agentflow.agents.handoff import HandoffDecision, HandoffPolicy
from agentflow.agents.links import links
from agentflow.agents.loop import AgentLoop, NoModelLeft, Turn
from agentflow.agents.prompt import SENTENCE_LIMITS, system_prompt
from agentflow.agents.replies import Action, CheckedSentence, Citation, HandoffRequest, Outcome, TurnRequest
from agentflow.agents.schemas import AgentRead
from agentflow.agents.smalltalk import is_greeting
from agentflow.agents.speech import Interrupted, OnSentence, Speech
from agentflow.agents.stock import own_words
from agentflow.agents.tools import HAND_OFF
from agentflow.agents.topics import closest_topics
from agentflow.kit.db import Database, refuse_inside_transaction
from agentflow.kit.errors import AppError, NotFound
from agentflow.kit.mail import Mail, Mailer
from agentflow.kit.telemetry import FIRST_SENTENCE, span
from agentflow.kit.tools import Tool, ToolContext
from agentflow.llm import service as llm
from agentflow.llm.failover import Candidate, FailureReason, ModelFailed, Models
from agentflow.llm.planning import Planner
from crm.contacts.properties import service as properties
from crm.teams import service as teams
from crm.teams.texts import Overrides, language_name, text
from knowledge.embedding import Embedder
from knowledge.gaps.schemas import Unanswered
from knowledge.language import detect
from knowledge.passages import Passage
from knowledge.search import Searcher, SearchResult
from knowledge.tools import NAME as SEARCH
from knowledge.tools import query_table, search_knowledge

log = logging.getLogger(__name__)

KEPT_AGENTS = 64
# Of the time to the first sentence; what is left serves to say the stock text.
SPEAKING_SHARE = 0.95
TONES_WITH_TEXTS = frozenset(
    {"friendly", "informal"}
)  # offline; plain sentences are professional as they are


@dataclass(frozen=True)
class _Plan:
    """What one agent version needs, built once."""

    guardrails: Guardrails
    loop: AgentLoop


@dataclass(frozen=True)
class _Loaded:
    """What one turn reads from the database."""

    agent: AgentRead
    policy: HandoffPolicy
    overrides: Overrides
    candidates: tuple[Candidate, ...]
    profile: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Ending:
    """What the turn comes down to."""

    action: Action
    handoff: HandoffRequest | None = None
    guardrail: str | None = None
    gap: Unanswered | None = None


@dataclass
class _Draft:
    """One answer from the first moment on; `loaded` and `turn` follow when the database was read."""

    request: TurnRequest
    speech: Speech
    language: str
    started: float  # the event loop's clock, seconds
    loaded: _Loaded | None = None
    turn: Turn | None = None
    limit: asyncio.Timeout | None = None
    trace: dict[str, object] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)

    def words(self, key: str, **values: object) -> str:
        """A text of the catalogue in the language of the answer."""
        return text(key, self.language, self.loaded.overrides if self.loaded else None, **values)


class Runner:
    """Writes answers. Keeps nothing of a conversation, only what is built once per agent version."""

    def __init__(
        self,
        db: Database,
        searcher: Searcher,
        embedder: Embedder,
        *,
        models: Models,
        offline: BaseChatModel,
        mailer: Mailer,
    ) -> None:
        self._db = db
        self._searcher = searcher
        self._embedder = embedder
        self._models = models
        self._offline = Candidate("offline", offline, "offline")
        self._mailer = mailer
        self._settings = db.settings.turn
        self._checker = CitationChecker(embedder)
        self._ordinary = OrdinaryQuestions(embedder)
        self._planner = Planner(embedder)
        self._plans: OrderedDict[tuple[str, int], _Plan] = OrderedDict()
        self._alerts: set[asyncio.Task[None]] = set()

    async def reply(self, request: TurnRequest, on_sentence: OnSentence) -> Outcome:
        """Answer a question; each checked sentence goes to `on_sentence` at once.

        Raises only what `on_sentence` raises; that ends the answer.
        """
        refuse_inside_transaction("an answer")
        draft = self._draft(request, on_sentence)
        try:
            ending = await self._ending(draft)
        except Interrupted as stopped:
            raise stopped.cause from None
        return self._outcome(draft, ending)

    async def over_the_cap(self, request: TurnRequest, on_sentence: OnSentence) -> Outcome:
        """What is said when the site has used up its answers of today: people take over."""
        draft = self._draft(request, on_sentence)
        draft.loaded = await self._load(request)
        draft.language = self._language(draft.loaded.agent, request)
        handoff = await self._handoff(draft, HandoffDecision(None, "daily_cap"))
        await draft.speech.say(CheckedSentence(draft.words("daily_cap"), kind="stock"))
        return self._outcome(draft, _Ending("handoff", handoff))

    async def close(self) -> None:
        """Wait for alerts that are on their way and close the models' connections."""
        await asyncio.gather(*self._alerts, return_exceptions=True)
        await self._models.close()

    def _draft(self, request: TurnRequest, on_sentence: OnSentence) -> _Draft:
        started = asyncio.get_running_loop().time()
        speech = Speech(on_sentence)
        draft = _Draft(request, speech, detect(request.question, request.locale[:2]), started)
        speech.check = lambda sentence: self._check(draft, sentence)
        speech.on_first = lambda: self._first_said(draft)
        return draft

    def _first_said(self, draft: _Draft) -> None:
        """From now on the whole answer counts, not the wait for its first sentence."""
        draft.timings["first_sentence"] = self._elapsed(draft)
        FIRST_SENTENCE.observe(draft.timings["first_sentence"] / 1000)
        end = draft.started + self._settings.total_seconds
        for limit in (draft.limit, draft.turn.limit if draft.turn else None):
            if limit is not None and not limit.expired():
                limit.reschedule(end)

    async def _ending(self, draft: _Draft) -> _Ending:
        due = draft.started + SPEAKING_SHARE * self._settings.first_sentence_seconds
        try:
            async with asyncio.timeout_at(due) as draft.limit:
                return await self._answer(draft)
        except Interrupted:
            raise
        except Exception as error:
            if not isinstance(error, TimeoutError | NoModelLeft):
                log.exception("an answer failed")
            draft.trace["error"] = f"{type(error).__name__}: {error}"[:300]
            draft.limit = None
        return await self._rescue(draft)

    async def _answer(self, draft: _Draft) -> _Ending:
        """Guardrails, then rules, then the model. Raises NoModelLeft and Interrupted."""
        request = draft.request
        draft.loaded = loaded = await self._load(request)
        draft.language = self._language(loaded.agent, request)
        plan = await self._plan(loaded.agent)
        if match := await _match(plan.guardrails, request.question):
            draft.trace["guardrail_score"] = round(match.score, 3)
            await draft.speech.say(CheckedSentence(match.guardrail.reply, kind="stock"))
            return _Ending("refuse", guardrail=match.guardrail.name)
        if decision := loaded.policy.for_failed_turns(request.failed_turns):
            return await self._hand_off(draft, decision)
        draft.speech.limit = SENTENCE_LIMITS[loaded.agent.answer_length]
        draft.turn = turn = self._turn(draft, loaded, await self._sources(request, loaded))
        await plan.loop.run(turn)
        if self._lost_in_translation(draft, turn):
            draft.trace["quoted_instead"] = "no sentence of the model could be checked across languages"
            turn.candidates, turn.calls = [self._offline], 0
            await plan.loop.run(turn, question=_translated(turn))
        return await self._conclude(draft, loaded, turn)

    def _lost_in_translation(self, draft: _Draft, turn: Turn) -> bool:
        """A model wrote in the customer's language what no source in another can be checked to say.

        The source's own words, quoted, serve the customer better than a refusal.
        """
        nothing_left = bool(draft.speech.dropped) and not draft.speech.said and turn.human is None
        best = turn.searches[-1].passages[:1] if turn.searches else ()
        return nothing_left and not self._quotes(turn) and bool(_foreign(best, draft.language))

    async def _conclude(self, draft: _Draft, loaded: _Loaded, turn: Turn) -> _Ending:
        speech = draft.speech
        if turn.human and (decision := loaded.policy.for_customer()):
            return await self._hand_off(draft, decision)
        if speech.facts:
            for sentence in self._tone(draft, loaded.agent, "closer") if self._quotes(turn) else ():
                await speech.say(sentence)
            return _Ending("reply")
        if speech.asked:
            return _Ending("reply" if is_greeting(draft.request.question) else "ask")
        if speech.held and not speech.dropped:
            await speech.greet()
            return _Ending("reply")
        return await self._no_answer(draft, loaded)

    async def _no_answer(self, draft: _Draft, loaded: _Loaded) -> _Ending:
        """Nothing was left to say: this turn has failed, and counts for the rule on failed turns."""
        if (
            draft.turn and draft.turn.broken and not draft.turn.searches
        ):  # nobody looked: it may well be known
            draft.trace["error"] = draft.turn.broken
            return await self._rescue(draft)
        decision = loaded.policy.for_no_answer() or loaded.policy.for_failed_turns(
            draft.request.failed_turns + 1
        )
        found = draft.turn.searches[-1] if draft.turn and draft.turn.searches else None
        gap = await self._gap(draft, loaded.agent, found)
        if decision is not None:
            return replace(await self._hand_off(draft, decision), gap=gap)
        await draft.speech.say(CheckedSentence(draft.words("no_answer"), kind="stock"))
        if topics := closest_topics(found) if found else ():
            offered = draft.words("no_answer_topics", topics=", ".join(topics))
            await draft.speech.say(CheckedSentence(offered, kind="stock"))
        return _Ending("refuse", gap=gap)

    async def _gap(self, draft: _Draft, agent: AgentRead, found: SearchResult | None) -> Unanswered:
        """The question for the admin's list of what the knowledge lacks."""
        question = draft.request.question
        vector = (
            found.query_vector if found else await asyncio.to_thread(self._embedder.embed_query, question)
        )
        known = found is not None and found.known
        return Unanswered(agent.knowledge_base_id, question, draft.language, known, vector)

    async def _rescue(self, draft: _Draft) -> _Ending:
        """No model answered, or something broke: what was said stands, else people or an apology."""
        if draft.speech.facts:
            return _Ending("reply")
        if draft.loaded and (decision := draft.loaded.policy.for_model_trouble()):
            return await self._hand_off(draft, decision)
        await draft.speech.say(CheckedSentence(draft.words("model_trouble"), kind="stock"))
        return _Ending("refuse")

    async def _hand_off(self, draft: _Draft, decision: HandoffDecision) -> _Ending:
        handoff = await self._handoff(draft, decision)
        said = draft.words("handoff_done", team=handoff.team)
        await draft.speech.say(CheckedSentence(said, kind="stock"))
        return _Ending("handoff", handoff)

    async def _handoff(self, draft: _Draft, decision: HandoffDecision) -> HandoffRequest:
        """To the team of the rule; to the default one where that team was deleted since."""
        workspace_id = draft.request.workspace_id
        async with self._db.read() as session:
            try:
                team = await teams.get_team(session, workspace_id, decision.team_id)
            except NotFound:
                team = await teams.get_team(session, workspace_id, None)
        return HandoffRequest(team.id, team.name, decision.reason)

    def _quotes(self, turn: Turn) -> bool:
        """Whether the offline model speaks, which quotes and does not write."""
        return turn.model == self._offline.name

    def _tone(self, draft: _Draft, agent: AgentRead, place: str) -> tuple[CheckedSentence, ...]:
        """What sets the tone of an answer that is quoted, not written: a text before or after it."""
        tone = agent.tone.lower()
        if tone not in TONES_WITH_TEXTS:
            return ()
        return (CheckedSentence(draft.words(f"tone_{tone}_{place}"), kind="stock"),)

    async def _sources(self, request: TurnRequest, loaded: _Loaded) -> tuple[str, ...]:
        """The languages a model has to ask its questions in; the offline one cannot translate."""
        if len(loaded.candidates) == 1:
            return ()
        try:
            return await self._searcher.languages(request.workspace_id, loaded.agent.knowledge_base_id)
        except AppError:  # the search will say what is wrong
            return ()

    def _turn(self, draft: _Draft, loaded: _Loaded, sources: tuple[str, ...]) -> Turn:
        request, agent = draft.request, loaded.agent
        prompt = system_prompt(
            agent,
            language=draft.language,
            can_hand_off=loaded.policy.offers_human,
            sources=sources,
            profile=loaded.profile,
        )
        return Turn(
            request=request,
            prompt=prompt,
            context=ToolContext(
                db=self._db,
                workspace_id=request.workspace_id,
                conversation_id=request.conversation_id,
                contact_id=request.contact_id,
                principal=agent.id,
            ),
            candidates=list(loaded.candidates),
            leads=self._tone(draft, agent, "opener"),
            speech=draft.speech,
            started=draft.started,
        )

    async def _check(self, draft: _Draft, sentence: str) -> CheckedSentence | None:
        """The sentence with its citation or as one that needs none; None when nothing supports it."""
        turn, loaded = draft.turn, draft.loaded
        if turn is None or loaded is None:
            return None
        kind = classify(sentence, own_words(loaded.overrides))
        linked = links(sentence)
        if kind != "fact" and not linked:
            return CheckedSentence(sentence, kind=kind)
        if not turn.searches:  # the model answered without looking anything up
            base, question = loaded.agent.knowledge_base_id, draft.request.question
            turn.searches.append(await self._searcher.search(draft.request.workspace_id, base, question))
        begun = asyncio.get_running_loop().time()
        with span("check"):
            citations = None if turn.tables else self._checker.quoted(sentence, turn.passages)
            if citations is None:
                citations = await asyncio.to_thread(self._checker.cite, sentence, turn.passages, turn.tables)
        spent = (asyncio.get_running_loop().time() - begun) * 1000
        draft.timings["check"] = draft.timings.get("check", 0.0) + spent
        if citations and not draft.speech.said:
            leads = turn.leads if self._quotes(turn) else ()
            draft.speech.leads = [*leads, *self._language_note(draft, turn, citations)]
        if not citations or not linked <= links(" ".join(f"{one.quote} {one.source}" for one in citations)):
            return None
        return CheckedSentence(sentence, citations)

    def _language_note(
        self, draft: _Draft, turn: Turn, citations: Sequence[Citation]
    ) -> Iterator[CheckedSentence]:
        """Which language the source is in, where it is not the answer's."""
        quotes = [(citation.source_id, citation.quote) for citation in citations]
        cited = [one for one in turn.passages if any(one.source_id == i and q in one.text for i, q in quotes)]
        if code := _foreign(cited, draft.language):
            key = "source_language_note" if self._quotes(turn) else "source_language_name"
            name = language_name(code, draft.language)
            yield CheckedSentence(draft.words(key, source_language=name), kind="stock")

    async def _load(self, request: TurnRequest) -> _Loaded:
        workspace_id = request.workspace_id
        async with self._db.read() as session:
            agent = service.read_agent(await service.get_agent(session, workspace_id, request.agent_id))
            workspace = await teams.get_workspace(session, workspace_id)
            connections = await llm.usable_connections(session, workspace_id)
            profile = await properties.told_to_agents(session, workspace_id, request.contact_id)
        candidates = [await self._models.candidate(connection) for connection in connections]
        return _Loaded(
            agent=agent,
            policy=HandoffPolicy(agent.handoff_rules),
            overrides=json.loads(workspace.text_overrides),
            candidates=(*candidates, self._offline),
            profile=profile,
        )

    async def _plan(self, agent: AgentRead) -> _Plan:
        key = (agent.id, agent.version)
        if key not in self._plans:
            guardrails = await asyncio.to_thread(Guardrails, agent.guardrails, self._embedder, self._ordinary)
            self._plans[key] = _Plan(guardrails, self._loop(agent))
            while len(self._plans) > KEPT_AGENTS:
                self._plans.popitem(last=False)
        self._plans.move_to_end(key)
        return self._plans[key]

    def _loop(self, agent: AgentRead) -> AgentLoop:
        base = agent.knowledge_base_id
        tools: list[Tool] = [search_knowledge(self._searcher, base), query_table(self._searcher, base)]
        if HandoffPolicy(agent.handoff_rules).offers_human:
            tools.append(HAND_OFF)
        return AgentLoop(tools, self._offline.model, self._settings, self._note_failure, self._asked_for)

    async def _asked_for(self, words: str, tool: Tool) -> bool:
        return await asyncio.to_thread(self._planner.tool_for, words, {tool.name: tool.examples}) == tool.name

    def _language(self, agent: AgentRead, request: TurnRequest) -> str:
        if agent.language != "customer":
            return agent.language
        earlier = " ".join(line.text for line in request.history if line.author == "contact")
        return detect(request.question, detect(earlier, request.locale[:2]))

    async def _note_failure(self, turn: Turn, candidate: Candidate, failure: ModelFailed) -> None:
        """A refused key stays refused: leave the connection alone for a while and tell the admins."""
        if failure.reason is not FailureReason.KEY_REFUSED or candidate.connection_id is None:
            return
        workspace_id = turn.request.workspace_id
        try:
            async with self._db.transaction() as session:
                opened = await llm.open_circuit(
                    session, workspace_id, candidate.connection_id, alert=failure.detail
                )
        except Exception:
            log.exception("the circuit of %s could not be opened", candidate.connection_id)
            return
        if opened:
            task = asyncio.create_task(self._send_alert(workspace_id, candidate.name, failure.detail))
            self._alerts.add(task)
            task.add_done_callback(self._alerts.discard)

    async def _send_alert(self, workspace_id: str, name: str, detail: str) -> None:
        body = (
            f"{name}: {detail}\n"
            f"It is left alone for {llm.CIRCUIT_MINUTES} minutes; answers come from the next model."
        )
        try:
            async with self._db.read() as session:
                admins = await teams.staff_addresses(session, workspace_id)
            if admins:
                await self._mailer.send(Mail(tuple(admins), f"Model connection refused: {name}", body))
        except Exception:
            log.exception("an alert could not be sent")

    def _elapsed(self, draft: _Draft) -> float:
        """Milliseconds since the answer was begun."""
        return round((asyncio.get_running_loop().time() - draft.started) * 1000, 1)

    def _outcome(self, draft: _Draft, ending: _Ending) -> Outcome:
        turn, speech = draft.turn, draft.speech
        trace: dict[str, object] = {**draft.trace, "dropped": speech.dropped}
        timings = {name: round(spent, 1) for name, spent in draft.timings.items()}
        if turn is not None:
            trace |= {"models_failed": turn.failures, "model_calls": turn.calls}
            for result in turn.searches:
                for name, spent in result.timings_ms.items():
                    timings[f"search_{name}"] = round(timings.get(f"search_{name}", 0.0) + spent, 1)
        return Outcome(
            action=ending.action,
            sentences=tuple(speech.said),
            language=draft.language,
            handoff=ending.handoff,
            guardrail=ending.guardrail,
            gap=ending.gap,
            passages=turn.passages if turn else (),
            tool_calls=tuple(turn.tool_calls) if turn else (),
            model=turn.model if turn else "",
            trace=trace,
            timings_ms={**timings, "total": self._elapsed(draft)},
        )


async def _match(guardrails: Guardrails, question: str) -> GuardrailMatch | None:
    if guardrails.needs_vectors:
        return await asyncio.to_thread(guardrails.match, question)
    return guardrails.match(question)


def _foreign(passages: Sequence[Passage], language: str) -> str | None:
    """The other language that the first passage is written in. Rows do not tell."""
    found = next((detect(passage.text, language) for passage in passages if passage.row is None), language)
    return None if found == language else found


def _translated(turn: Turn) -> str:
    """The question as the model put it to the documents last."""
    asked = [call.args.get("query") for call in turn.tool_calls if call.name == SEARCH]
    return next((query for query in reversed(asked) if isinstance(query, str)), turn.request.question)
