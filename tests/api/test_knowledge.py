"""Sources over HTTP, from the upload to the answer: replace, delete, restore, refuse, watch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.e2e.live import LiveApp, Visitor
from tests.knowledge.files import encrypted_pdf, pdf, xlsx

NO_ANSWER = "I am sorry, I have no information about that."
LOCKER = "The lockers\n\nThe code of the red locker is {code}. The red locker stands beside the stairs.\n"
QUESTION = "What is the code of the red locker?"


@dataclass
class Shelf:
    """A knowledge base of one's own on the shared server."""

    app: LiveApp
    id: str

    def upload(self, name: str, content: bytes) -> tuple[int, Any]:
        return self.app.upload(self.id, name, content)

    def add(self, name: str, content: bytes) -> dict[str, Any]:
        """Upload and wait until it is ready or failed."""
        status, source = self.upload(name, content)
        assert status == 202, source
        return self.wait(source["id"])

    def source(self, source_id: str) -> dict[str, Any]:
        status, source = self.app.api("GET", f"/sources/{source_id}")
        assert status == 200, source
        return dict(source)

    def wait(self, source_id: str) -> dict[str, Any]:
        self.app.wait_until(lambda: self.source(source_id)["state"] in ("ready", "failed"), 40)
        return self.source(source_id)

    def names(self, **query: object) -> list[str]:
        return [source["name"] for source in self.page(**query)["items"]]

    def page(self, **query: object) -> dict[str, Any]:
        asked = "&".join(f"{name}={quote(str(value))}" for name, value in query.items())
        status, page = self.app.api("GET", f"/knowledge-bases/{self.id}/sources?{asked}")
        assert status == 200, page
        return dict(page)

    def search(self, question: str, limit: int = 10) -> dict[str, Any]:
        return self.app.search(self.id, question, limit)

    def desk(self) -> Desk:
        """A widget whose agent answers from this knowledge."""
        body = {"name": "Shelf", "knowledge_base_id": self.id}
        status, agent = self.app.api("POST", "/agents", body)
        assert status == 201, agent
        site = self.app.api("POST", "/channel-accounts", {"name": "Shelf"})[1]
        routed = self.app.api("PUT", f"/channel-accounts/{site['id']}/route", {"agent_id": agent["id"]})
        assert routed[0] == 200
        return Desk(self.app, site["ref"])


@dataclass(frozen=True)
class Desk:
    app: LiveApp
    site: str

    def ask(self, question: str) -> dict[str, Any]:
        """The answer in a new conversation."""
        opened = self.app.call("POST", f"/widget/v1/{self.site}/sessions", {})[1]
        visitor = Visitor(self.app, opened["token"], opened["conversation_id"], 0)
        assert visitor.say(question, "ask")[0] == 200
        return visitor.wait_for_answer()


@pytest.fixture
def shelf(live_app: LiveApp) -> Shelf:
    status, made = live_app.api("POST", "/knowledge-bases", {"name": "Shelf"})
    assert status == 201
    return Shelf(live_app, made["id"])


def locker(code: int) -> bytes:
    return LOCKER.format(code=code).encode()


def test_that_an_upload_becomes_ready_and_is_found(shelf: Shelf) -> None:
    status, source = shelf.upload("lockers.txt", locker(4711))
    assert status == 202
    assert source["state"] in ("queued", "reading", "embedding")
    assert source["progress"].keys() == {"done", "total"}
    assert (source["name"], source["version"], source["bytes"]) == ("lockers.txt", 1, len(locker(4711)))
    ready = shelf.wait(source["id"])
    assert (ready["state"], ready["reason"], ready["warning"]) == ("ready", None, None)
    assert ready["passages"] >= 1
    assert ready["progress"] == {"done": ready["passages"], "total": ready["passages"]}
    assert (ready["live_version"], ready["pages"]) == (1, 1)
    found = shelf.search(QUESTION)
    assert found["known"] is True
    best = found["items"][0]
    assert (best["source"], best["version"]) == ("lockers.txt", 1)
    assert best["text"] in locker(4711).decode()[best["start"] :]
    assert "4711" in best["text"]
    assert shelf.search("How many moons does Jupiter have?")["known"] is False


def test_that_a_file_of_the_same_name_replaces_the_source(shelf: Shelf) -> None:
    first = shelf.add("lockers.txt", locker(1111))
    second = shelf.add("lockers.txt", locker(2222))
    assert second["id"] == first["id"]
    assert (second["version"], second["live_version"]) == (2, 2)
    assert shelf.names() == ["lockers.txt"]
    texts = " ".join(one["text"] for one in shelf.search(QUESTION)["items"])
    assert "2222" in texts
    assert "1111" not in texts
    same = shelf.add("lockers.txt", locker(2222))
    assert same["version"] == 2  # the same bytes change nothing


def test_that_a_failed_replacement_leaves_the_old_version_answering(shelf: Shelf, tmp_path: Path) -> None:
    table = xlsx(tmp_path / "a.xlsx", {"Lockers": [["locker", "code"], ["red", 1111]]}).read_bytes()
    shelf.add("lockers.xlsx", table)
    failed = shelf.add("lockers.xlsx", table[:500])
    assert (failed["state"], failed["version"], failed["live_version"]) == ("failed", 2, 1)
    assert failed["reason"]["code"] == "corrupt"
    assert "1111" in shelf.search("code of the red locker")["items"][0]["text"]


def test_that_a_deleted_source_is_used_no_more_until_it_is_restored(shelf: Shelf) -> None:
    shelf.add("plants.txt", b"The plants\n\nThe ferns beside the window are watered on Mondays.\n")
    source = shelf.add("lockers.txt", locker(4711))
    desk = shelf.desk()
    assert "4711" in desk.ask(QUESTION)["text"]
    status, deleted = shelf.app.api("DELETE", f"/sources/{source['id']}")
    assert status == 200
    assert deleted["deleted_at"] is not None
    assert desk.ask(QUESTION)["text"] == NO_ANSWER
    assert shelf.app.api("GET", f"/sources/{source['id']}")[0] == 404
    assert (shelf.names(), shelf.names(deleted="true")) == (["plants.txt"], ["lockers.txt"])
    status, restored = shelf.app.api("POST", f"/sources/{source['id']}/restore")
    assert (status, restored["deleted_at"], restored["state"]) == (200, None, "ready")
    assert "4711" in desk.ask(QUESTION)["text"]
    again = shelf.app.api("POST", f"/sources/{source['id']}/restore")
    assert again[0] == 404


def test_that_the_eleventh_source_is_refused_and_says_which_limit(shelf: Shelf) -> None:
    for number in range(10):
        assert shelf.upload(f"{number}.txt", locker(number))[0] == 202
    status, problem = shelf.upload("10.txt", locker(10))
    assert (status, problem["code"]) == (409, "too_many_sources")
    assert (problem["limit"], problem["found"]) == (10, 11)
    assert shelf.upload("9.txt", locker(99))[0] == 202  # replacing is not one more
    assert len(shelf.names()) == 10


def test_that_20_mib_are_taken_to_the_byte_and_one_more_is_refused(shelf: Shelf) -> None:
    limit = 20 * 1024 * 1024
    status, problem = shelf.upload("big.txt", b"a" * (limit + 1))
    assert (status, problem["code"]) == (413, "too_large")
    assert (problem["limit"], problem["found"]) == (limit, limit + 1)
    assert "has 20,971,521 bytes; the limit is 20,971,520 bytes (20 MiB)" in problem["detail"]
    assert shelf.names() == []
    whole = shelf.add("whole.txt", b" " * limit)
    assert (whole["state"], whole["bytes"]) == ("ready", limit)
    assert shelf.upload("one byte.txt", b"a")[0] == 413
    assert shelf.names() == ["whole.txt"]


@pytest.mark.parametrize("name", ["letter.docx", "archive.zip", "noextension", "pages.site"])
def test_that_an_unsupported_type_is_refused_by_name(shelf: Shelf, name: str) -> None:
    status, problem = shelf.upload(name, b"x")
    assert (status, problem["code"]) == (415, "unsupported_type")
    assert ".pdf" in problem["allowed"]
    assert shelf.names() == []


def test_that_bad_files_fail_with_a_reason_and_the_others_stay(shelf: Shelf, tmp_path: Path) -> None:
    good = shelf.add("lockers.txt", locker(4711))
    whole = pdf(tmp_path / "whole.pdf", [["The code of the blue locker is 8822."]]).read_bytes()
    table = xlsx(tmp_path / "table.xlsx", {"Lockers": [["locker", "code"], ["red", 1]]}).read_bytes()
    bad = {
        "locked.pdf": (encrypted_pdf(tmp_path / "locked.pdf", "secret").read_bytes(), "encrypted"),
        "torn.pdf": (whole[: len(whole) // 3], "corrupt"),
        "not a.pdf": (b"This is no PDF at all.", "corrupt"),
        "torn.xlsx": (table[:500], "corrupt"),
    }
    ids = {name: shelf.upload(name, content)[1]["id"] for name, (content, _) in bad.items()}
    for name, (_, code) in bad.items():
        failed = shelf.wait(ids[name])
        assert (failed["state"], failed["reason"]["code"]) == ("failed", code), name
        assert failed["reason"]["detail"]
        assert (failed["passages"], failed["live_version"]) == (0, None)
    assert shelf.source(good["id"]) == good
    assert "4711" in shelf.search(QUESTION)["items"][0]["text"]


@pytest.mark.parametrize("name", ["empty.txt", "empty.pdf", "empty.csv"])
def test_that_a_file_without_text_is_ready_with_a_warning(shelf: Shelf, tmp_path: Path, name: str) -> None:
    content = pdf(tmp_path / name, [[]]).read_bytes() if name.endswith(".pdf") else b""
    source = shelf.add(name, content)
    assert (source["state"], source["warning"], source["passages"]) == ("ready", "no_text", 0)
    found = shelf.search(QUESTION)
    assert (found["known"], found["items"]) == (False, [])


def test_that_lists_come_in_pages(shelf: Shelf) -> None:
    for number in range(5):
        shelf.upload(f"{number}.txt", locker(number))
    first = shelf.page(limit=2)
    assert [source["name"] for source in first["items"]] == ["0.txt", "1.txt"]
    second = shelf.page(limit=2, cursor=first["next_cursor"])
    third = shelf.page(limit=2, cursor=second["next_cursor"])
    assert [source["name"] for source in second["items"]] == ["2.txt", "3.txt"]
    assert [source["name"] for source in third["items"]] == ["4.txt"]
    assert third["next_cursor"] is None
    for query in ("limit=0", "limit=201", "limit=x", "cursor=%FF", "cursor=nonsense"):
        status, problem = shelf.app.api("GET", f"/knowledge-bases/{shelf.id}/sources?{query}")
        assert (status, problem["status"]) in ((400, 400), (422, 422)), (query, problem)


def test_that_a_retried_upload_is_done_once(shelf: Shelf) -> None:
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nHi\r\n--x--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Idempotency-Key": f"up-{shelf.id}"}
    path = f"/api/v1/knowledge-bases/{shelf.id}/sources"
    answers = [shelf.app.call("POST", path, form, token=shelf.app.api_key, headers=headers) for _ in range(2)]
    assert answers[0][0] == 202
    assert answers[0] == answers[1]
    assert shelf.names() == ["a.txt"]


def test_that_a_form_without_a_file_is_a_problem(shelf: Shelf) -> None:
    path = f"/api/v1/knowledge-bases/{shelf.id}/sources"
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    for form in (
        b"",
        b"--x--\r\n",
        b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nHi\r\n--x--\r\n',
    ):
        status, problem = shelf.app.call("POST", path, form, token=shelf.app.api_key, headers=headers)
        assert status in (400, 422), (form, problem)
        assert problem["status"] == status
    assert shelf.names() == []


def test_that_every_bin_is_listed_the_same_way(shelf: Shelf) -> None:
    app = shelf.app
    source = shelf.add("lockers.txt", locker(4711))
    agent = app.api("POST", "/agents", {"name": "Binned", "knowledge_base_id": shelf.id})[1]
    model = {"name": "Binned", "base_url": "https://93.184.215.14/v1", "model": "m"}
    connection = app.api("POST", "/model-connections", model)[1]
    for lists, one, record in (
        (f"/knowledge-bases/{shelf.id}/sources", f"/sources/{source['id']}", source),
        ("/agents", f"/agents/{agent['id']}", agent),
        ("/model-connections", f"/model-connections/{connection['id']}", connection),
    ):

        def ids(query: str, path: str = lists) -> list[str]:
            return [item["id"] for item in app.api("GET", f"{path}?limit=200{query}")[1]["items"]]

        assert record["deleted_at"] is None
        assert (record["id"] in ids(""), record["id"] in ids("&deleted=true")) == (True, False)
        assert app.api("DELETE", one)[0] in (200, 204)
        assert (record["id"] in ids(""), record["id"] in ids("&deleted=true")) == (False, True)
        binned = app.api("GET", f"{lists}?limit=200&deleted=true")[1]["items"]
        assert all(item["deleted_at"] for item in binned)
        assert app.api("POST", f"{one}/restore")[0] == 200
        assert (record["id"] in ids(""), record["id"] in ids("&deleted=true")) == (True, False)
    app.api("DELETE", f"/model-connections/{connection['id']}")
