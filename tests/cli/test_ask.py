"""`agentflow ask` as a program calls it: what comes out, what the offsets point at, and how it refuses."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agentflow.cli import app
from tests.cli.calling import check_refusal, refuse, run
from tests.knowledge.files import pdf, xlsx

KEYS = [
    *("id", "question", "action", "text", "language", "sentences", "passages"),
    *("tool_calls", "handoff", "guardrail", "model", "timings_ms"),
]
PLACE = ["source", "page", "sheet", "row", "start", "end"]
AGENT = """
name: Lighthouse
guardrails:
  - name: no gambling
    kind: phrase
    phrases: ["betting odds"]
    reply: We do not talk about gambling.
handoff_rules:
  - kind: customer_asks
    team: Harbour office
"""
QUESTIONS = {
    "days": "Within how many days can a life jacket be returned?",
    "pdf": "Which rope holds the heavy anchor?",
    "csv": "What does the brass lantern cost?",
    "xlsx": "In which aisle are the storm flags?",
    "guard": "What are the betting odds today?",
    "human": "I want to speak to a human.",
    "moons": "How many moons does Jupiter have?",
    "nl": "Binnen hoeveel dagen kan ik een zwemvest terugbrengen?",
}


@dataclass(frozen=True)
class Asked:
    """One run over many questions, with the folder it answered from."""

    folder: Path
    lines: dict[str, dict[str, Any]]
    errors: str


def make_sources(folder: Path) -> None:
    """A text with a mark, CRLF and letters outside the BMP; a PDF; two tables."""
    chapters = [
        f"Chapter {number}\r\n\r\nShelf {number} holds {number + 20} spare shackles and "
        f"{number} oars \U0001f6a3. The boatman of shelf {number} comes on day {number} of the month.\r\n\r\n"
        for number in range(1, 14)
    ]
    text = "".join(chapters) + (
        "Returns\r\n\r\nA life jacket can be returned within 21 days, dry and unused. "
        "The refund is paid within 6 working days.\r\n"
    )
    (folder / "boats.txt").write_bytes(b"\xef\xbb\xbf" + text.encode())
    pages = [
        ["Anchors and ropes", "The light anchor weighs 12 kilos."],
        ["Heavy weather", "The heavy anchor is held by the blue rope of 40 metres."],
    ]
    pdf(folder / "ropes.pdf", pages)
    (folder / "prices.csv").write_text("article,price\niron hook,4.50\nbrass lantern,38.25\n", "utf-8")
    rows = [["goods", "aisle"], ["life belts", "A2"], ["storm flags", "C7"]]
    xlsx(folder / "aisles.xlsx", {"Ground floor": [["goods", "aisle"], ["paint", "F1"]], "Loft": rows})


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    folder = tmp_path_factory.mktemp("ask")
    sources = folder / "sources"
    sources.mkdir()
    make_sources(sources)
    (folder / "agent.yaml").write_text(AGENT)
    rows = [{"id": key, "question": question} for key, question in QUESTIONS.items()]
    (folder / "questions.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    done = run(
        "ask",
        *("--source", sources, "--agent", folder / "agent.yaml"),
        *("--questions", folder / "questions.jsonl", "--json"),
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["id"] for line in lines] == list(QUESTIONS)
    return Asked(sources, {line["id"]: line for line in lines}, done.stderr)


def citations(line: dict[str, Any]) -> list[dict[str, Any]]:
    return [cited for sentence in line["sentences"] for cited in sentence["citations"]]


def extract(path: Path) -> str:
    """What `agentflow extract` prints, byte for byte."""
    done = run("extract", path)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def is_number(value: object, *, none: bool = False) -> bool:
    return (none and value is None) or (isinstance(value, int) and not isinstance(value, bool))


def test_that_each_line_has_exactly_the_shape_that_was_promised(asked: Asked) -> None:
    for key, line in asked.lines.items():
        assert list(line) == KEYS
        assert (line["id"], line["question"]) == (key, QUESTIONS[key])
        assert line["action"] in ("reply", "ask", "refuse", "handoff")
        assert isinstance(line["text"], str)
        assert len(line["language"]) == 2
        assert line["model"] in ("offline", "")
        assert all(isinstance(value, int | float) for value in line["timings_ms"].values())
        for sentence in line["sentences"]:
            assert list(sentence) == ["text", "citations"]
        for cited in citations(line):
            assert list(cited) == [*PLACE, "quote"]
        for call in line["tool_calls"]:
            assert list(call) == ["name", "args", "outcome"]
            assert isinstance(call["args"], dict)
            assert isinstance(call["outcome"], str)


def test_that_passages_are_ranked_whole_and_small(asked: Asked) -> None:
    for key in ("days", "pdf", "csv", "xlsx", "moons"):
        passages = asked.lines[key]["passages"]
        assert len(passages) >= 10
        assert [one["rank"] for one in passages] == list(range(1, len(passages) + 1))
        scores = [one["score"] for one in passages]
        assert scores == sorted(scores, reverse=True)
        for one in passages:
            assert list(one) == ["rank", "score", *PLACE, "text"]
            assert one["source"] in ("boats.txt", "ropes.pdf", "prices.csv", "aisles.xlsx")
            assert 0 < len(one["text"].split()) <= 220
            assert all(is_number(one[name], none=True) for name in ("page", "row", "start", "end"))


def test_that_offsets_count_code_points_of_a_text_with_mark_and_crlf(asked: Asked) -> None:
    text = extract(asked.folder / "boats.txt")
    assert text == (asked.folder / "boats.txt").read_bytes().decode("utf-8-sig")
    assert "\r\n" in text
    line = asked.lines["days"]
    assert (line["action"], line["language"]) == ("reply", "en")
    assert "21 days" in line["text"]
    cited = citations(line)[0]
    assert cited["source"] == "boats.txt"
    assert (cited["sheet"], cited["row"]) == (None, None)
    assert text[cited["start"] : cited["end"]] == cited["quote"]
    for one in line["passages"]:
        if one["source"] == "boats.txt":
            assert text[one["start"] : one["end"]] == one["text"]


def test_that_offsets_and_pages_of_a_pdf_hold(asked: Asked) -> None:
    text = extract(asked.folder / "ropes.pdf")
    line = asked.lines["pdf"]
    cited = next(one for one in citations(line) if "blue rope" in one["quote"])
    assert (cited["source"], cited["page"], cited["sheet"], cited["row"]) == ("ropes.pdf", 2, None, None)
    assert text[cited["start"] : cited["end"]] == cited["quote"]


@pytest.mark.parametrize(
    ("key", "source", "sheet", "row", "value"),
    [("csv", "prices.csv", None, 3, "38.25"), ("xlsx", "aisles.xlsx", "Loft", 3, "C7")],
)
def test_that_a_row_counts_the_header_and_has_no_offsets(
    asked: Asked, key: str, source: str, sheet: str | None, row: int, value: str
) -> None:
    line = asked.lines[key]
    cited = next(one for one in citations(line) if one["source"] == source and one["row"] == row)
    assert value in cited["quote"]
    assert (cited["start"], cited["end"], cited["page"]) == (None, None, None)
    assert cited["sheet"] == sheet
    passage = next(one for one in line["passages"] if one["source"] == source and value in one["text"])
    assert passage["row"] == 2  # a passage of a sheet starts with its first row
    assert (passage["start"], passage["end"]) == (None, None)


def test_that_every_answer_says_only_what_a_source_says(asked: Asked) -> None:
    for line in asked.lines.values():
        assert line["text"]
        for sentence in line["sentences"]:
            assert sentence["text"] in line["text"]


def test_that_a_guardrail_gives_its_set_reply_and_is_named(asked: Asked) -> None:
    line = asked.lines["guard"]
    assert (line["action"], line["text"]) == ("refuse", "We do not talk about gambling.")
    assert line["guardrail"] == {"name": "no gambling"}
    assert citations(line) == []
    assert [key for key, one in asked.lines.items() if one["guardrail"]] == ["guard"]


def test_that_a_handoff_names_team_and_reason(asked: Asked) -> None:
    line = asked.lines["human"]
    assert line["action"] == "handoff"
    assert line["handoff"] == {"team": "Harbour office", "reason": "customer_asks"}
    assert "Harbour office" in line["text"]
    assert [key for key, one in asked.lines.items() if one["handoff"]] == ["human"]


def test_that_what_the_knowledge_does_not_hold_is_refused(asked: Asked) -> None:
    line = asked.lines["moons"]
    assert (line["action"], citations(line)) == ("refuse", [])
    assert line["text"] == "I am sorry, I have no information about that."


def test_that_the_answer_is_in_the_customers_language(asked: Asked) -> None:
    assert asked.lines["nl"]["language"] == "nl"


def test_that_the_progress_is_on_stderr_and_nothing_else_is(asked: Asked) -> None:
    assert "Answering" in asked.errors or asked.errors.strip() == ""
    for word in ("Warning", "Traceback", "ERROR", "Deprecat"):
        assert word not in asked.errors


def test_that_a_person_reads_an_answer_with_its_source(asked: Asked) -> None:
    done = run("ask", "--source", asked.folder / "boats.txt", QUESTIONS["days"])
    assert (done.returncode, done.stderr) == (0, "")
    answer, _, notes = done.stdout.partition("\n\n")
    assert "within 21 days" in answer
    assert "[1]" in answer
    assert notes.startswith('[1] boats.txt, Returns: "')


# --- how it refuses ---


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with files that are wrong in one way each, and one that is right."""
    (tmp_path / "good.txt").write_text("The gate opens at 9:00.")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "good.txt").write_text("The gate opens at 10:00.")
    (tmp_path / "torn.pdf").write_bytes(b"%PDF-1.7 and then nothing")
    (tmp_path / "letter.docx").write_bytes(b"PK")
    (tmp_path / "bad.yaml").write_text("name: [\n")
    (tmp_path / "list.yaml").write_text("- name\n")
    (tmp_path / "unknown.yaml").write_text("name: A\ncolour: red\n")
    (tmp_path / "nameless.yaml").write_text("tone: friendly\n")
    (tmp_path / "empty.jsonl").write_text("\n")
    (tmp_path / "bad.jsonl").write_text('{"id": 1, "question": "Fine?"}\nnonsense\n')
    (tmp_path / "void.jsonl").write_text('{"id": 1, "question": " "}\n')
    (tmp_path / "latin.jsonl").write_bytes(b'{"id": 1, "question": "caf\xe9"}\n')
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Give either a question or --questions"),
        (["--json"], "Give either a question or --questions"),
        (["Hi", "--questions", "void.jsonl"], "Give either a question or --questions"),
        (["  "], "The question is empty."),
        (["Hi", "there"], "extra argument"),
        (["Hi", "--nothing"], "No such option"),
        (["Hi", "--source"], "requires an argument"),
        (["--questions", "none.jsonl"], "none.jsonl cannot be read"),
        (["--questions", "empty.jsonl"], "holds no question"),
        (["--questions", "bad.jsonl"], "Line 2"),
        (["--questions", "void.jsonl"], "Line 1 of the questions has no question"),
        (["--questions", "latin.jsonl"], "latin.jsonl cannot be read"),
        (["Hi", "--agent", "none.yaml"], "none.yaml cannot be read"),
        (["Hi", "--agent", "bad.yaml"], "bad.yaml cannot be read"),
        (["Hi", "--agent", "list.yaml"], "An agent file holds keys and values"),
        (["Hi", "--agent", "unknown.yaml"], "Unknown key colour."),
        (["Hi", "--agent", "nameless.yaml"], "name"),
        (["Hi", "--source", "none.txt"], "none.txt does not exist"),
        (["Hi", "--source", "good.txt", "--source", "other"], "Two sources are named good.txt"),
        (
            ["Hi", "--source", "letter.docx"],
            "letter.docx: Files of type .docx cannot be read; allowed are .pdf",
        ),
        (["Hi", "--source", "torn.pdf"], ": torn.pdf: The file is damaged, or not what its name says."),
    ],
)
def test_that_wrong_usage_and_unreadable_files_are_one_clear_line(
    files: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(files)
    assert said in refuse(capsys, ["ask", *arguments])


def test_that_a_refusal_of_the_real_process_is_one_line_too(files: Path) -> None:
    done = run("ask", "--source", files / "good.txt", "--source", files / "torn.pdf", "Hi")
    check_refusal(done.returncode, done.stdout, done.stderr)
    assert done.stderr == "agentflow: torn.pdf: The file is damaged, or not what its name says.\n"


@pytest.mark.parametrize("command", [["extract"], ["ask", "When does the gate open?", "--source"]])
def test_that_a_file_without_text_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    (tmp_path / "empty.txt").write_text(" \n")
    for file in (pdf(tmp_path / "scan.pdf", [[], []]), tmp_path / "empty.txt"):
        with pytest.raises(SystemExit) as left:
            app([*command, str(file)])
        assert not left.value.code
        said = f"{file.name} has no text (a scan, or empty), so nothing can be answered from it."
        assert capsys.readouterr().err == f"agentflow: {said}\n"


def test_that_without_sources_nothing_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        app(["ask", "--json", "When does the gate open?"])
    assert left.value.code == 0
    line = json.loads(capsys.readouterr().out)
    assert (line["action"], line["passages"]) == ("refuse", [])
