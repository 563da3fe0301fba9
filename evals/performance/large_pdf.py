"""A PDF of a thousand pages taken in by a real server, against the bare parser and the bare encoder.

Aims: at most 1.25 times the parser and the encoder alone, on the same pages, passages and sentences; at most
600 MB with everything the server runs; after kill -9 halfway no stored passage is embedded again; and the p95
of a turn over HTTP at most doubles meanwhile.

python -m evals.performance.large_pdf DATA [PAGES]
"""

from __future__ import annotations

import asyncio
import random
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from pypdf import PdfReader
from reportlab.pdfgen.canvas import Canvas
from sqlalchemy import create_engine, text

from evals.performance.ingest import texts_of
from evals.performance.measuring import quantile, table, temporary_application
from evals.performance.retrieval_bases import read
from evals.performance.turn import ask
from tests.e2e.live import LiveApp

PAGES = 1000
WORDS = 400  # on a page
CHAPTER = 8  # pages
WIDTH = 95  # letters in a line
TURNS = 40
SERVER = {"AGENTFLOW_LIVECHAT__SESSIONS_PER_MINUTE": "100000"}
HOURS = 3600.0


def main(data: Path, pages: int) -> None:
    """Print the table."""
    with TemporaryDirectory(prefix="agentflow-bench-") as folder:
        file = Path(folder) / "large.pdf"
        _make(file, data, pages)
        parser = _timed(lambda: [page.extract_text() for page in PdfReader(file).pages])
        texts, encoder = asyncio.run(_encode(file))
        app = LiveApp(Path(folder) / "home", environment=SERVER).start()
        try:
            app.wait_for_knowledge()
            _measure(app, file, pages, texts, parser, encoder)
        finally:
            app.stop()


def _make(path: Path, data: Path, pages: int) -> None:
    """Sentences of the pack in an order that is drawn, each with a number of its own."""
    folder = data / "retrieval_en" / "docs"
    drafts = read(folder, sorted(file.name for file in folder.glob("*.txt"))).values()
    sentences = [sentence.text for parts in drafts for draft in parts for sentence in draft.sentences]
    dice = random.Random(0)
    canvas = Canvas(str(path))
    number = 0
    for page in range(pages):
        height = 800
        if page % CHAPTER == 0:
            canvas.setFont("Helvetica-Bold", 16)
            canvas.drawString(50, height, f"Chapter {page // CHAPTER + 1}")
            height -= 30
        words: list[str] = []
        while len(words) < WORDS:
            number += 1
            words += f"In case {number}, {dice.choice(sentences)}".split()
        canvas.setFont("Helvetica", 10)
        for line in textwrap.wrap(" ".join(words), WIDTH):
            canvas.drawString(50, height, line.encode("latin-1", "replace").decode("latin-1"))
            height -= 12
        canvas.showPage()
    canvas.save()


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


async def _encode(file: Path) -> tuple[int, float]:
    """How many passages and sentences the file has, and the bare encoder's seconds for them."""
    async with temporary_application(jobs=False) as app:
        texts = await texts_of(app, [file])
        embedder = app.ingest_deps.embedder
        await asyncio.to_thread(embedder.embed_documents, texts[:64])
        return len(texts), await asyncio.to_thread(_timed, lambda: embedder.embed_documents(texts))


def _measure(app: LiveApp, file: Path, pages: int, texts: int, parser: float, encoder: float) -> None:
    idle = [ask(app.port, number) for number in range(TURNS)]
    with _peak(app) as memory:
        took = _timed(lambda: _wait(app, _upload(app, file)))
    source = _upload(app, file)
    busy: list[float] = []
    while _progress(app, source) < 0.5:
        busy.append(ask(app.port, TURNS + len(busy)))
    app.kill()
    stored = _passages(app, source)
    app.start()
    _wait(app, source)
    lost = stored - _passages(app, source)
    slower = quantile(busy, 0.95) / quantile(idle, 0.95)
    table(
        f"a PDF of {pages} pages: {texts} passages and sentences",
        [
            ("", "", "aim"),
            ("parser alone", f"{parser:.1f} s", ""),
            ("encoder alone", f"{encoder:.1f} s", ""),
            ("upload to ready", f"{took:.1f} s", ""),
            ("against both", f"{took / (parser + encoder):.2f} times", "1.25"),
            ("server and readers, peak", f"{memory[0]:.0f} MB", "600"),
            ("before the upload", f"{memory[1]:.0f} MB", ""),
            ("stored when it was killed", f"{len(stored)} passages", ""),
            ("of these embedded again", f"{len(lost)}", "0"),
            (f"turn, p95 of {len(idle)}, idle", f"{1000 * quantile(idle, 0.95):.0f} ms", ""),
            (f"turn, p95 of {len(busy)}, meanwhile", f"{1000 * quantile(busy, 0.95):.0f} ms", ""),
            ("against idle", f"{slower:.2f} times", "2"),
        ],
    )


def _upload(app: LiveApp, file: Path) -> str:
    """Into a knowledge base of its own; the id of the source."""
    base = app.api("POST", "/knowledge-bases", {"name": "Large"})[1]["id"]
    status, source = app.upload(base, file.name, file.read_bytes())
    assert status == 202, source
    return str(source["id"])


def _wait(app: LiveApp, source: str) -> None:
    app.wait_until(lambda: _state(app, source)["state"] in ("ready", "failed"), HOURS, every=0.5)
    assert _state(app, source)["state"] == "ready", _state(app, source)


def _state(app: LiveApp, source: str) -> dict[str, object]:
    return dict(app.api("GET", f"/sources/{source}")[1])


def _progress(app: LiveApp, source: str) -> float:
    progress = _state(app, source)["progress"]
    assert isinstance(progress, dict)
    return float(progress["done"] / max(1, progress["total"]))


def _passages(app: LiveApp, source: str) -> set[str]:
    """The ids of what is stored; a passage that is embedded again gets another."""
    engine = create_engine(f"sqlite:///{app.home / 'agentflow.sqlite'}")
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT id FROM chunks WHERE source_id = :id"), {"id": source})
        return {str(row[0]) for row in rows}


@contextmanager
def _peak(app: LiveApp) -> Iterator[list[float]]:
    """Megabytes resident in the server with its readers: the most in the body, and at its start."""
    assert app.process is not None
    server = psutil.Process(app.process.pid)
    end = threading.Event()
    seen = [_resident(server)] * 2

    def look() -> None:
        while not end.wait(0.5):
            seen[0] = max(seen[0], _resident(server))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield seen
    finally:
        end.set()
        looking.join()


def _resident(server: psutil.Process) -> float:
    total = 0
    for process in (server, *server.children(recursive=True)):
        try:
            total += process.memory_full_info().pss  # pages that both have mapped count once
        except psutil.NoSuchProcess:
            continue
    return total / 1e6


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else PAGES)
