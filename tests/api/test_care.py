"""Erasure and export on a running server: its own worker does the jobs."""

from __future__ import annotations

import io
import json
import urllib.request
import zipfile

from tests.e2e.live import LiveApp


def test_that_a_contact_is_erased_by_a_job_and_the_report_names_every_store(live_app: LiveApp) -> None:
    visitor = live_app.visit()
    visitor.say("My parcel to Vlissingen has been missing since Wednesday, where is it?", "care-1")
    visitor.wait_for_answer()
    talk = live_app.api("GET", f"/conversations/{visitor.conversation_id}")[1]
    contact = talk["contact_id"]
    assert live_app.api("PATCH", f"/contacts/{contact}", {"emails": ["mira.vos@example.com"]})[0] == 200
    status, own = live_app.api("GET", f"/contacts/{contact}/export")
    assert (status, own["contact_addresses"][0]["value"]) == (200, "mira.vos@example.com")
    assert live_app.api("GET", "/contacts/%E2%82%AC%0A/export")[0] == 404, "and no header that cannot be sent"

    status, asked = live_app.api("POST", f"/contacts/{contact}/erase")
    assert (status, asked["state"]) == (202, "queued")
    path = f"/erasures/{asked['id']}"
    live_app.wait_until(lambda: live_app.api("GET", path)[1]["state"] == "done", 40)
    report = live_app.api("GET", path)[1]
    left = [one["store"] for one in report["stores"] if one["left"]]
    assert (left, report["contact_id"]) == ([], contact)
    erased = {one["store"]: one["erased"] for one in report["stores"]}
    assert (erased["contacts"], erased["conversations"], erased["messages"]) == (1, 1, 2)
    assert {"events", "audit_entries", "chunks", "conversation_words", "files", "job inputs"} <= set(erased)
    assert live_app.api("GET", f"/contacts/{contact}")[0] == 404
    assert live_app.api("GET", f"/conversations/{visitor.conversation_id}")[0] == 404
    assert asked["id"] in [one["id"] for one in live_app.api("GET", "/erasures")[1]["items"]]
    assert visitor.say("Hello?", "care-2")[0] < 500  # the page is still open


def test_that_a_workspace_is_exported_by_a_job_and_fetched(live_app: LiveApp) -> None:
    status, asked = live_app.api("POST", "/workspace/export")
    assert (status, asked["state"]) == (202, "queued")
    path = f"/workspace/exports/{asked['id']}"
    live_app.wait_until(lambda: live_app.api("GET", path)[1]["state"] == "ready", 40)
    done = live_app.api("GET", path)[1]
    request = urllib.request.Request(f"{live_app.url}/api/v1{path}/file")
    request.add_header("Authorization", f"Bearer {live_app.api_key}")
    with urllib.request.urlopen(request, timeout=20) as answer:
        content = answer.read()
        assert answer.headers["content-disposition"].startswith("attachment")
    assert len(content) == done["bytes"]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        lines = {name: archive.read(f"{name}.jsonl").splitlines() for name in done["rows"]}
    assert {name: len(found) for name, found in lines.items()} == done["rows"]
    exported = f"/audit?action=contacts.exported&record_id={asked['id']}"
    live_app.wait_until(lambda: live_app.api("GET", exported)[1]["items"], 10, every=0.3)
    assert live_app.api("GET", exported)[1]["items"][0]["amount"] == done["rows"]["contacts"]
    assert all("workspace_id" not in json.loads(line) for line in lines["contacts"])
