from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel, Field

from agentflow.agents.tools import HAND_OFF, as_langchain
from agentflow.llm.offline import OfflineChatModel
from agentflow.llm.planning import small_talk, with_context
from crm.teams import texts
from knowledge.embedding import FloatMatrix, FloatVector, Foreignness
from knowledge.embedding_export import build
from knowledge.embedding_onnx import OnnxEmbedder
from knowledge.lexical import LexicalIndex
from knowledge.passages import Passage, PassageSentence, SearchResult

RETURNS = (
    "Returns",
    "How long may I take to return something?",
    "An order can be sent back within 30 days of delivery.",
    "The return label costs 4.95 euro.",
    "Opened ink cartridges cannot be returned.",
    "Our warehouse in Utrecht has two floors.",
    "The canteen serves soup on Fridays.",
)
ROWS = ("Model: Heron 400; Range: 80 km", "Model: Kestrel 200; Range: 45 km")


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnnxEmbedder]:
    cache = tmp_path_factory.mktemp("models")
    build(cache)
    embedder = OnnxEmbedder(cache)
    yield embedder
    embedder.close()


@pytest.fixture
def model(embedder: OnnxEmbedder) -> OfflineChatModel:
    return OfflineChatModel(embedder=embedder)


def passage(embedder: OnnxEmbedder, query: str, lines: Sequence[str], *, rows: bool = False) -> Passage:
    vectors, scores = embedder.embed_documents(lines), LexicalIndex.build(lines).scores(query)
    starts = [sum(len(line) + 1 for line in lines[:index]) for index in range(len(lines))]
    parts = tuple(
        PassageSentence(
            line,
            None if rows else starts[index],
            None if rows else starts[index] + len(line),
            index + 2 if rows else None,
            vectors[index],
            float(scores[index]),
        )
        for index, line in enumerate(lines)
    )
    return Passage(
        chunk_id=f"chk_{lines[0]}",
        source_id=f"src_{lines[0]}",
        source="shop.txt",
        version=1,
        public=False,
        page=None,
        sheet=None,
        row=2 if rows else None,
        start=None if rows else 0,
        end=None,
        text="\n".join(lines),
        heading="" if rows else lines[0],
        score=0.0,
        dense=0.0,
        lexical=0.0,
        sentence=0.0,
        sentences=parts,
    )


def found(embedder: OnnxEmbedder, query: str, *, known: bool = True) -> SearchResult:
    passages = (passage(embedder, query, RETURNS), passage(embedder, query, ROWS, rows=True))
    return SearchResult(passages, known, embedder.embed_query(query), {})


class SearchArguments(BaseModel):
    query: str


def search_tool(embedder: OnnxEmbedder, *, known: bool = True) -> BaseTool:
    async def search(query: str) -> tuple[str, SearchResult]:
        return "passages", found(embedder, query, known=known)

    return StructuredTool(
        name="search_knowledge",
        description="Look up facts.",
        args_schema=SearchArguments,
        coroutine=search,
        response_format="content_and_artifact",
    )


class StatusArguments(BaseModel):
    order_id: str = Field(title="Order number")
    email: str
    carrier: Literal["dhl", "post_nl"] | None = None
    pieces: int | None = None
    phone: str | None = None
    delivery_date: str | None = None


def status_tool() -> BaseTool:
    async def status(**_arguments: object) -> str:
        return "on its way"

    return StructuredTool(
        name="order_status",
        description="Where an order is.",
        args_schema=StatusArguments,
        coroutine=status,
        metadata={"examples": ("Where is my order?", "Has my parcel been sent?", "Waar is mijn bestelling?")},
    )


def answer(model: OfflineChatModel, embedder: OnnxEmbedder, query: str, *, prompt: str = "") -> AIMessage:
    call = AIMessage("", tool_calls=[{"name": "search_knowledge", "args": {"query": query}, "id": "call_1"}])
    result = ToolMessage("…", artifact=found(embedder, query), tool_call_id="call_1", name="search_knowledge")
    bound = model.bind_tools([search_tool(embedder)])
    return bound.invoke([SystemMessage(prompt), HumanMessage(query), call, result])


async def test_that_the_loop_of_langchain_runs_on_it(model: OfflineChatModel, embedder: OnnxEmbedder) -> None:
    agent = create_agent(model, [search_tool(embedder), as_langchain(HAND_OFF)])
    state = await agent.ainvoke({"messages": [HumanMessage("How long can I return an order?")]})
    asked, told = state["messages"][1], state["messages"][-1]
    assert [call["name"] for call in asked.tool_calls] == ["search_knowledge"]
    assert asked.tool_calls[0]["args"] == {"query": "How long can I return an order?"}
    assert "An order can be sent back within 30 days of delivery." in told.text.splitlines()


def test_that_it_quotes_in_reading_order_and_never_a_heading_or_a_question(
    model: OfflineChatModel, embedder: OnnxEmbedder
) -> None:
    lines = answer(model, embedder, "How long may I take to return something and what is the label?").text
    quoted = lines.splitlines()
    assert quoted == sorted(quoted, key=[*RETURNS, *ROWS].index)
    assert "Returns" not in quoted
    assert "How long may I take to return something?" not in quoted
    assert "An order can be sent back within 30 days of delivery." in quoted


def test_that_a_table_row_stays_a_row(model: OfflineChatModel, embedder: OnnxEmbedder) -> None:
    assert (
        "Model: Heron 400; Range: 80 km"
        in answer(model, embedder, "range of the Heron 400").text.splitlines()
    )


@pytest.mark.parametrize("limit", [1, 2, 4])
def test_that_the_prompts_length_line_limits_the_answer(
    model: OfflineChatModel, embedder: OnnxEmbedder, limit: int
) -> None:
    prompt = f"# Style\n- Tone: friendly.\n- Length: short, at most {limit} sentences.\n- Language: English."
    lines = answer(model, embedder, "How do I return an order, with which label?", prompt=prompt).text
    assert 1 <= len(lines.splitlines()) <= limit
    fixed = OfflineChatModel(embedder=embedder, answer_sentences=1)
    assert len(answer(fixed, embedder, "How do I return an order?", prompt=prompt).text.splitlines()) == 1


async def test_that_it_says_nothing_when_the_knowledge_holds_no_answer(
    model: OfflineChatModel, embedder: OnnxEmbedder
) -> None:
    agent = create_agent(model, [search_tool(embedder, known=False)])
    state = await agent.ainvoke({"messages": [HumanMessage("Who won the world cup?")]})
    assert state["messages"][-1].text == ""
    assert state["messages"][-1].response_metadata["no_answer"] is True


@pytest.mark.parametrize(
    "message",
    [
        "I'd rather talk to a person",
        "please connect me to one of your colleagues",
        "human please",
        "Ik wil graag een medewerker spreken",
        "Laat me met een mens praten",
        "Kann ich bitte einen Mitarbeiter sprechen?",
        "Ich will keinen Bot, ich will einen Menschen",
        "Quiero hablar con un asesor",
        "Mettez-moi en contact avec un conseiller",
    ],
)
def test_that_a_wish_for_a_human_is_understood(
    model: OfflineChatModel, embedder: OnnxEmbedder, message: str
) -> None:
    bound = model.bind_tools([search_tool(embedder), as_langchain(HAND_OFF)])
    assert [call["name"] for call in bound.invoke([HumanMessage(message)]).tool_calls] == ["hand_off"]


@pytest.mark.parametrize(
    "message",
    [
        "How many employees do you have?",
        "Can another person pick up my parcel?",
        "Do I need to talk to an employee to return an item?",
        "Welke talen spreken de medewerkers?",
        "Kann jemand anderes mein Paket abholen?",
        "¿Una persona mayor paga menos?",
        "Combien de personnes par chambre ?",
    ],
)
def test_that_a_question_about_people_is_looked_up(
    model: OfflineChatModel, embedder: OnnxEmbedder, message: str
) -> None:
    bound = model.bind_tools([search_tool(embedder), as_langchain(HAND_OFF)])
    assert [call["name"] for call in bound.invoke([HumanMessage(message)]).tool_calls] == ["search_knowledge"]


@pytest.mark.parametrize(
    ("message", "talk"),
    [
        ("Hi there!", "greeting"),
        ("Goedemorgen", "greeting"),
        ("Guten Tag", "greeting"),
        ("Buenos días", "greeting"),
        ("Bonjour", "greeting"),
        ("Thanks for your help!", "thanks"),
        ("Bedankt!", "thanks"),
        ("Vielen Dank", "thanks"),
        ("Thank you very much, that helps", "thanks"),
        ("Au revoir", "goodbye"),
        ("ok bye!", "goodbye"),
        ("Oké", "okay"),
        ("Hi, are you a robot?", "about_me"),
        ("Wat kun je doen?", None),
        ("Wer sind Sie?", "about_me"),
        ("Who are you going to send?", None),
        ("What can you do about a broken lamp?", None),
        ("Hi, how much is shipping?", None),
        ("Thanks, and on Sundays?", None),
        ("top 10 products", None),
    ],
)
def test_that_small_talk_is_told_from_questions(message: str, talk: str | None) -> None:
    assert small_talk(message) == talk


def test_that_a_greeting_is_answered_from_the_catalogue_in_the_prompts_language(
    model: OfflineChatModel, embedder: OnnxEmbedder
) -> None:
    bound = model.bind_tools([search_tool(embedder)])
    said = bound.invoke([SystemMessage("- Language: Dutch."), HumanMessage("Hi")])
    assert said.text == texts.text("greeting_reply", "nl")
    assert said.tool_calls == []


@pytest.mark.parametrize(
    ("message", "follows"),
    [
        ("And on Sundays?", True),
        ("How much does it cost?", True),
        ("Wat kost dat?", True),
        ("en voor kinderen?", True),
        ("Und am Wochenende?", True),
        ("¿y los domingos?", True),
        ("for children?", True),
        ("Is it possible to pay by card?", False),
        ("Gibt es Parkplätze?", False),
        ("When does the last boat to the island leave in winter?", False),
    ],
)
def test_that_a_follow_up_is_looked_up_with_the_question_before_it(message: str, *, follows: bool) -> None:
    earlier = ["Hello", "When is the museum open?", "Thanks!"]
    expected = f"When is the museum open? {message}" if follows else message
    assert with_context(message, earlier) == expected
    assert with_context(message, ["Hello"]) == message


def test_that_slots_are_filled_from_the_message(model: OfflineChatModel, embedder: OnnxEmbedder) -> None:
    bound = model.bind_tools([search_tool(embedder), status_tool()])
    message = (
        "Where is my order AB-12345 with DHL? It has 3 pieces and should come on 24-12-2025. "
        "Mail me at jo@mail.example or call +31 20 123 4567."
    )
    (call,) = bound.invoke([HumanMessage(message)]).tool_calls
    assert call["name"] == "order_status"
    assert call["args"] == {
        "order_id": "AB-12345",
        "email": "jo@mail.example",
        "carrier": "dhl",
        "pieces": 3,
        "phone": "+31201234567",
        "delivery_date": "2025-12-24",
    }


def test_that_a_missing_detail_is_asked_for_and_taken_from_the_reply(
    model: OfflineChatModel, embedder: OnnxEmbedder
) -> None:
    bound = model.bind_tools([search_tool(embedder), status_tool()])
    talk: list[BaseMessage] = [HumanMessage("Where is my order? I am jo@mail.example")]
    asked = bound.invoke(talk)
    assert asked.text == texts.text("ask_missing", "en", slot="order number")
    (call,) = bound.invoke([*talk, asked, HumanMessage("AB-12345")]).tool_calls
    assert call["args"] == {"order_id": "AB-12345", "email": "jo@mail.example"}


async def test_that_a_stream_says_what_an_invocation_says(
    model: OfflineChatModel, embedder: OnnxEmbedder
) -> None:
    query = "How do I return an order, with which label?"
    whole = answer(model, embedder, query)
    result = ToolMessage("…", artifact=found(embedder, query), tool_call_id="call_1", name="search_knowledge")
    pieces = [chunk async for chunk in model.astream([HumanMessage(query), result])]
    assert "".join(chunk.text for chunk in pieces) == whole.text
    assert sum(1 for chunk in pieces if chunk.text) == len(whole.text.splitlines()) > 1
    calls = [chunk async for chunk in model.bind_tools([search_tool(embedder)]).astream(query)]
    assert [call["name"] for chunk in calls for call in chunk.tool_calls] == ["search_knowledge"]


def test_that_structured_output_is_filled_from_the_message(model: OfflineChatModel) -> None:
    read = model.with_structured_output(StatusArguments).invoke("Order AB-12345 of jo@mail.example, 2 pieces")
    assert isinstance(read, StatusArguments)
    assert (read.order_id, read.email, read.pieces) == ("AB-12345", "jo@mail.example", 2)


class CountingEmbedder:
    """The real embedder, counting the texts it is given."""

    def __init__(self, embedder: OnnxEmbedder) -> None:
        self._embedder = embedder
        self.name, self.dim = embedder.name, embedder.dim
        self.max_tokens, self.fingerprint = embedder.max_tokens, embedder.fingerprint
        self.texts = 0

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        self.texts += len(texts)
        return self._embedder.embed_documents(texts)

    def embed_query(self, text: str) -> FloatVector:
        self.texts += 1
        return self._embedder.embed_query(text)

    def foreignness(self, text: str) -> Foreignness:
        return self._embedder.foreignness(text)

    def close(self) -> None:
        """The real one is closed by its owner."""


def test_that_example_vectors_are_computed_once(embedder: OnnxEmbedder) -> None:
    counting = CountingEmbedder(embedder)
    model = OfflineChatModel(embedder=counting)
    tools = [search_tool(embedder), status_tool()]
    model.bind_tools(tools).invoke("Has my order been sent?")
    first = counting.texts
    model.bind_tools(tools).invoke("Where is my parcel?")
    assert first > counting.texts - first == 1


def test_that_a_question_unlike_any_example_costs_no_vector(embedder: OnnxEmbedder) -> None:
    counting = CountingEmbedder(embedder)
    model = OfflineChatModel(embedder=counting)
    bound = model.bind_tools([search_tool(embedder), status_tool()])
    assert [call["name"] for call in bound.invoke("Why do cats purr?").tool_calls] == ["search_knowledge"]
    assert counting.texts == 0
