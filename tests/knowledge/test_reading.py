from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import psutil
import pytest

from agentflow.kit.errors import AppError
from agentflow.kit.settings import IngestSettings
from knowledge import limits, reading
from knowledge.errors import (
    REFUSALS,
    Corrupt,
    FileTooLarge,
    NotFetched,
    ReaderCrashed,
    SourceRefused,
    TooManyPages,
    TooManySources,
    TooMuchMemory,
    TooMuchText,
    TooSlow,
    UnsupportedType,
)
from knowledge.reading import ReaderPool, extract
from tests.knowledge import files

Rows = Sequence[Sequence[object]]
PARSERS = (
    *("pypdf", "openpyxl", "llama_index", "charset_normalizer"),
    *("trafilatura", "lxml", "python_calamine", "olefile"),
)


@pytest.fixture
async def pool() -> AsyncIterator[ReaderPool]:
    pool = ReaderPool(IngestSettings())
    yield pool
    await pool.close()


def readers() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if child.status() != psutil.STATUS_ZOMBIE and "knowledge.readers" in child.cmdline()
    ]


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - processes of the system send no event
        await asyncio.sleep(0.01)


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


async def test_that_each_kind_of_file_is_read_with_its_places(pool: ReaderPool, tmp_path: Path) -> None:
    text = write(
        tmp_path / "a.txt", "Returns\r\n\r\nBring it back within 30 days, and you get your money back.\r\n"
    )
    table = write(tmp_path / "b.csv", "product;price\nKettle;29,95\n")
    book = files.xlsx(tmp_path / "c.xlsx", {"Prices": [["product", "price"], ["Kettle", 29.95]]})
    guide = files.pdf(tmp_path / "d.pdf", [["First."], ["The desk closes at nine."]])

    result = await pool.read(text, "terms.txt")
    assert (len(result.chunks), result.pages, result.chars, result.warning) == (1, 1, 71, None)
    assert [sentence.text for sentence in result.chunks[0].sentences] == [
        "Bring it back within 30 days, and you get your money back."
    ]
    row = (await pool.read(table, "b.csv")).chunks[0]
    assert (row.text, row.sheet, row.row, row.start) == ("product: Kettle; price: 29,95", None, 2, None)
    cell = (await pool.read(book, "c.xlsx")).chunks[0]
    assert (cell.text, cell.sheet, cell.row) == ("Prices\nproduct: Kettle; price: 29.95", "Prices", 2)
    last = (await pool.read(guide, "d.PDF")).chunks[-1]
    assert (last.text, last.page, last.start) == ("The desk closes at nine.", 2, 8)
    assert len(readers()) == 1


async def test_that_the_sheets_of_a_workbook_are_its_pages(pool: ReaderPool, tmp_path: Path) -> None:
    short: Rows = [["product", "price"], ["Kettle", 29.95]]
    long: Rows = [
        ["number", "word"],
        *([number, "oar"] for number in range(3000)),
    ]  # comes in several batches
    books: tuple[tuple[dict[str, Rows], int], ...] = (
        ({"Prices": short}, 1),
        ({"Long": long, "Empty": [], "Prices": short}, 2),
    )
    for sheets, pages in books:
        book = files.xlsx(tmp_path / "a.xlsx", sheets)
        assert (await pool.read(book, "a.xlsx")).pages == pages


async def test_that_offsets_point_into_what_extract_prints(pool: ReaderPool, tmp_path: Path) -> None:
    sentence = "Elke ketel kost € 29,95 en kookt een liter water in drie minuten. "
    text = write(tmp_path / "a.txt", b"\xef\xbb\xbf" + ("Ketels\r\n\r\n" + sentence * 80).encode())
    guide = files.pdf(
        tmp_path / "b.pdf", [[f"Page {n} of the guide, line {line}." for line in range(50)] for n in range(3)]
    )
    for path in (text, guide):
        whole = await pool.extract(path, path.name)
        result = await pool.read(path, path.name)
        assert result.chars == len(whole)
        assert len(result.chunks) > 2
        for chunk in result.chunks:
            assert chunk.text == whole[chunk.start : chunk.end]
            for line in chunk.sentences:
                assert line.text == whole[line.start : line.end]


def test_that_extract_prints_the_decoded_file(tmp_path: Path) -> None:
    assert extract(write(tmp_path / "a.txt", b"\xef\xbb\xbfa\r\nb\n"), "a.txt") == "a\r\nb\n"
    assert extract(write(tmp_path / "b.csv", "name,price\nKettle,9\n"), "b.csv") == "name: Kettle; price: 9\n"


@pytest.mark.parametrize("content", ["", " \n\t\r\n ", b"\xef\xbb\xbf"])
async def test_that_an_empty_file_is_read_with_a_warning(
    pool: ReaderPool, tmp_path: Path, content: str | bytes
) -> None:
    for name in ("a.txt", "a.csv"):
        result = await pool.read(write(tmp_path / name, content), name)
        assert (result.chunks, result.warning) == ((), "no_text")


async def test_that_a_scan_is_read_with_a_warning(pool: ReaderPool, tmp_path: Path) -> None:
    result = await pool.read(files.pdf(tmp_path / "scan.pdf", [[], []]), "scan.pdf")
    assert (result.chunks, result.pages, result.warning) == ((), 2, "no_text")


@pytest.mark.parametrize("name", ["a.docx", "a.odt", "a.zip", "a.exe", "noextension", ".pdf"])
async def test_that_an_unknown_type_is_refused_with_what_is_allowed(
    pool: ReaderPool, tmp_path: Path, name: str
) -> None:
    with pytest.raises(UnsupportedType) as refusal:
        await pool.read(write(tmp_path / "a", "x"), name)
    assert (
        ".pdf, .xlsx, .xlsm, .xls, .xlsb, .ods, .csv, .tsv, .ssv, .txt, .md, .html, .htm."
        in refusal.value.detail
    )
    assert refusal.value.problem()["code"] == "unsupported_type"
    assert readers() == []


async def test_that_limits_hold_to_the_byte_and_to_the_page(tmp_path: Path) -> None:
    pool = ReaderPool(IngestSettings(max_bytes=5000, max_pages=2))
    try:
        assert (await pool.read(write(tmp_path / "a.txt", "x" * 5000), "a.txt")).chars == 5000
        with pytest.raises(FileTooLarge, match=r"5,001 bytes; the limit is 5,000 bytes"):
            await pool.read(write(tmp_path / "a.txt", "x" * 5001), "a.txt")
        guide = files.pdf(tmp_path / "a.pdf", [["One."], ["Two."], ["Three."]])
        with pytest.raises(TooManyPages) as refusal:
            await pool.read(guide, "a.pdf")
        assert refusal.value.members == {"limit": 2, "found": 3}
    finally:
        await pool.close()


async def test_that_a_thousand_pages_are_read_and_one_more_refused(pool: ReaderPool, tmp_path: Path) -> None:
    pages = [[f"The code on page {number} is K{number * 7}."] for number in range(1, 1002)]
    result = await pool.read(files.pdf(tmp_path / "a.pdf", pages[:1000]), "a.pdf")
    assert (result.pages, len(result.chunks), result.chunks[-1].page) == (1000, 1000, 1000)
    assert result.chunks[-1].text == "The code on page 1000 is K7000."
    with pytest.raises(TooManyPages, match="The file has 1,001 pages; the limit is 1,000 pages"):
        await pool.read(files.pdf(tmp_path / "b.pdf", pages), "b.pdf")


async def test_that_too_much_text_is_refused(tmp_path: Path) -> None:
    pool = ReaderPool(IngestSettings(max_text_chars=100))
    try:
        with pytest.raises(TooMuchText, match="101 characters; the limit is 100"):
            await pool.read(write(tmp_path / "a.txt", "x" * 101), "a.txt")
    finally:
        await pool.close()


async def test_that_a_reader_that_hangs_is_killed_and_replaced(tmp_path: Path) -> None:
    pool = ReaderPool(IngestSettings(seconds_per_file=2.0))
    pipe = tmp_path / "never.txt"
    os.mkfifo(pipe)  # opening it blocks for ever
    try:
        started = time.monotonic()
        with pytest.raises(TooSlow, match="more than 2 seconds"):
            await pool.read(pipe, "never.txt")
        assert time.monotonic() - started < 20
        assert readers() == []
        assert (await pool.read(write(tmp_path / "a.txt", "Hello there."), "a.txt")).warning is None
    finally:
        await pool.close()


async def test_that_a_reader_that_needs_too_much_memory_is_stopped(tmp_path: Path) -> None:
    pool = ReaderPool(IngestSettings(memory_mb=20))
    path = write(tmp_path / "a.txt", "many words in this text " * 800_000)
    try:
        with pytest.raises(TooMuchMemory, match="more than 20 MiB") as refusal:
            await pool.read(path, "a.txt")
        assert refusal.value.members == {"limit": 20}
        assert (await pool.read(write(tmp_path / "b.txt", "Hello there."), "b.txt")).warning is None
    finally:
        await pool.close()


async def test_that_a_reader_killed_while_reading_fails_one_file_only(
    pool: ReaderPool, tmp_path: Path
) -> None:
    pipe = tmp_path / "never.txt"
    os.mkfifo(pipe)
    reading = asyncio.create_task(pool.read(pipe, "never.txt"))
    await until(lambda: bool(readers()))
    readers()[0].send_signal(signal.SIGKILL)
    with pytest.raises(ReaderCrashed, match="exit -9"):
        await reading
    assert (await pool.read(write(tmp_path / "a.txt", "Hello there."), "a.txt")).warning is None


async def test_that_a_reader_killed_between_two_files_is_not_noticed(
    pool: ReaderPool, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.txt", "Hello there.")
    await pool.read(path, "a.txt")
    readers()[0].kill()
    await until(lambda: not readers())
    assert (await pool.read(path, "a.txt")).chars == 12


async def test_that_closing_ends_a_file_being_read_and_leaves_no_process(tmp_path: Path) -> None:
    pool = ReaderPool(IngestSettings())
    pipe = tmp_path / "never.txt"
    os.mkfifo(pipe)
    reading = asyncio.create_task(pool.read(pipe, "never.txt"))
    await until(lambda: bool(readers()))
    await pool.close()
    with pytest.raises(ReaderCrashed):
        await reading
    assert readers() == []


async def test_that_files_are_read_side_by_side_and_from_several_loops(tmp_path: Path) -> None:
    pool = ReaderPool(IngestSettings(processes=2))
    paths = [write(tmp_path / f"{number}.txt", f"File {number} says hello.") for number in range(12)]
    try:
        here = [pool.read(path, path.name) for path in paths]
        there = asyncio.to_thread(asyncio.run, pool.read(paths[0], "0.txt"))
        *results, other = await asyncio.gather(*here, there)
        texts = [result.chunks[0].text for result in results]
        assert texts == [f"File {number} says hello." for number in range(12)]
        assert other.chunks[0].text == "File 0 says hello."
        assert 1 <= len(readers()) <= 2
    finally:
        await pool.close()


async def test_that_a_refusal_keeps_the_reader_for_the_next_file(pool: ReaderPool, tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "Hello there.")
    await pool.read(path, "a.txt")
    before = readers()
    with pytest.raises(Corrupt):
        await pool.read(path, "a.pdf")
    await pool.read(path, "a.txt")
    assert readers() == before


async def test_that_a_reader_ends_after_a_large_file(
    pool: ReaderPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LARGE", 2)
    small = write(tmp_path / "a.txt", "The kettle boils a litre in three minutes.")
    large = write(tmp_path / "b.txt", "The kettle boils a litre in three minutes. " * 80)
    await pool.read(small, "a.txt")
    assert len(readers()) == 1
    for _ in range(2):
        assert len((await pool.read(large, "b.txt")).chunks) >= reading.LARGE
        assert readers() == []


async def test_that_a_reader_holds_no_secret_of_its_parent(
    pool: ReaderPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    await pool.read(write(tmp_path / "a.txt", "Hello there."), "a.txt")
    assert "OPENAI_API_KEY" not in readers()[0].environ()


GUARDED = """
import os, socket, subprocess, sys
from knowledge.readers.__main__ import _Guard
guard = _Guard()
guard.document = sys.argv[1]
sys.addaudithook(guard)
open(sys.argv[1]).close()
import wave  # Python's own files stay readable
def refused(act):
    try:
        act()
    except PermissionError:
        return True
    return False
assert refused(lambda: open("/etc/passwd"))
assert refused(lambda: open(sys.argv[1], "w"))
assert refused(lambda: os.open("/etc/passwd", os.O_RDONLY))
assert refused(lambda: socket.create_connection(("127.0.0.1", 9)))
assert refused(lambda: socket.getaddrinfo("example.com", 80))
assert refused(lambda: subprocess.run(["true"]))
assert refused(lambda: os.system("true"))
assert refused(lambda: os.fork())
"""


def test_that_a_reader_reaches_nothing_but_its_document(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "Hello.")
    done = subprocess.run(
        [sys.executable, "-c", GUARDED, str(path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_that_a_serving_process_loads_no_parser() -> None:
    code = f"import sys, knowledge.reading; print([name for name in {PARSERS!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_that_a_reading_process_loads_no_llamaindex_and_no_settings() -> None:
    code = (
        "import sys, knowledge.readers.__main__; "
        "late = ('trafilatura', 'python_calamine', 'olefile'); "
        "print([name for name in ('llama_index', 'pydantic', 'sqlalchemy', *late) if name in sys.modules])"
    )
    environment = {"OPENPYXL_LXML": "False"}  # as the pool starts it
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == "[]"


def test_that_every_refusal_is_an_apperror_with_its_own_code() -> None:
    assert {kind.code for kind in REFUSALS.values()} == set(REFUSALS)
    assert set(REFUSALS.values()) == set(SourceRefused.__subclasses__()) - {NotFetched}  # raised elsewhere
    for code, kind in REFUSALS.items():
        assert issubclass(kind, AppError)
        assert kind("why").problem()["code"] == code


def test_that_source_eleven_is_refused() -> None:
    limits.check_source_count(10, 10)
    with pytest.raises(TooManySources, match="at most 10 sources; this would be number 11"):
        limits.check_source_count(11, 10)
