"""A preview over HTTP, with the durable engine: asked, previewed, published."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.test_knowledge import QUESTION, Shelf, locker
from tests.e2e.live import LiveApp


@pytest.fixture
def shelf(live_app: LiveApp) -> Shelf:
    status, made = live_app.api("POST", "/knowledge-bases", {"name": "Shelf"})
    assert status == 201
    return Shelf(live_app, made["id"])


def preview(shelf: Shelf, source_id: str, content: bytes, token: str | None = None) -> tuple[int, Any]:
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="new.txt"\r\n\r\n' + content
    form += b'\r\n--x\r\nContent-Disposition: form-data; name="questions"\r\n\r\n10\r\n--x--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    path = f"/api/v1/sources/{source_id}/preview"
    return shelf.app.call("POST", path, form, token=token or shelf.app.api_key, headers=headers)


def wait(shelf: Shelf, preview_id: str) -> dict[str, Any]:
    def read() -> dict[str, Any]:
        return dict(shelf.app.api("GET", f"/previews/{preview_id}")[1])

    shelf.app.wait_until(lambda: read()["state"] in ("ready", "failed"), 60)
    return read()


def test_that_a_file_is_previewed_and_published(shelf: Shelf, other_workspace_key: str) -> None:
    source = shelf.add("lockers.txt", locker(4711))
    desk = shelf.desk()
    assert "4711" in desk.ask(QUESTION)["text"]
    status, made = preview(shelf, source["id"], locker(8822))
    assert (status, made["state"]) == (202, "queued")
    seen = wait(shelf, made["id"])
    assert (seen["state"], seen["progress"]) == ("ready", {"done": 2, "total": 2}), seen
    (change,) = seen["changes"]
    assert (change["question"], change["change"]) == (QUESTION, "different")
    assert "4711" in change["old"]["text"]
    assert "8822" in change["new"]["text"]
    assert "4711" in desk.ask(QUESTION)["text"]
    path = f"/api/v1/previews/{made['id']}"
    for method, end in (("GET", ""), ("POST", "/publish"), ("DELETE", "")):
        assert shelf.app.call(method, path + end, token=other_workspace_key)[0] == 404
    assert preview(shelf, source["id"], b"x", other_workspace_key)[0] == 404
    status, published = shelf.app.api("POST", f"/previews/{made['id']}/publish")
    assert (status, published["version"]) == (202, 2)
    assert shelf.wait(source["id"])["live_version"] == 2
    assert "8822" in desk.ask(QUESTION)["text"]
    assert shelf.app.api("GET", f"/previews/{made['id']}")[0] == 404


def test_that_a_preview_can_be_thrown_away(shelf: Shelf) -> None:
    source = shelf.add("lockers.txt", locker(4711))
    made = preview(shelf, source["id"], locker(8822))[1]
    assert shelf.app.api("DELETE", f"/previews/{made['id']}")[0] == 204
    assert shelf.app.api("GET", f"/previews/{made['id']}")[0] == 404
    assert shelf.source(source["id"])["version"] == 1
