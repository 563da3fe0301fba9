"""An import over HTTP with the durable engine: upload, map, try out, commit, undo; sample and export."""

from __future__ import annotations

from typing import Any

from tests.e2e.live import LiveApp


def wait(app: LiveApp, import_id: str, *states: str) -> dict[str, Any]:
    def read() -> dict[str, Any]:
        return dict(app.api("GET", f"/contact-imports/{import_id}")[1])

    app.wait_until(lambda: read()["state"] in states, 60)
    return read()


def lead(app: LiveApp, name: str, content: bytes) -> dict[str, Any]:
    """An import with the suggested mapping, to its end."""
    status, made = app.send_file("/api/v1/contact-imports", name, content)
    assert status == 201, made
    columns = [{"column": one["column"], "target": one["target"]} for one in made["suggestions"]]
    path = f"/contact-imports/{made['id']}"
    assert app.api("PUT", f"{path}/mapping", {"columns": columns})[0] == 200
    assert app.api("POST", f"{path}/dry-run")[0] == 202
    checked = wait(app, made["id"], "checked")
    assert app.api("POST", f"{path}/commit")[0] == 202
    done = wait(app, made["id"], "done", "failed")
    assert done["summary"]["rows"] == checked["dry_run"]["rows"]
    return done


def test_that_a_file_is_imported_and_its_export_changes_nothing(live_app: LiveApp) -> None:
    sample = live_app.call("GET", "/api/v1/contact-imports/sample.csv", token=live_app.api_key)[1]
    assert sample.startswith('\ufeff"First name"')
    done = lead(live_app, "sample.csv", sample.encode() + b'"Bad","","nobody","","","","",""\r\n')
    assert done["state"] == "done"
    assert [done["summary"][name] for name in ("created", "updated", "skipped", "failed")] == [2, 0, 0, 1]
    refused = f"/api/v1/contact-imports/{done['id']}/refused.csv"
    assert live_app.call("GET", f"{refused}?outcome=created", token=live_app.api_key)[0] == 422
    assert live_app.call("GET", f"{refused}?outcome=skipped", token=live_app.api_key)[0] == 200
    assert "nobody" in live_app.call("GET", refused, token=live_app.api_key)[1]
    assert live_app.api("GET", "/contact-imports")[1]["items"][0]["id"] == done["id"]

    status, exported = live_app.call("GET", "/api/v1/contact-exports/contacts.csv", token=live_app.api_key)
    assert status == 200
    assert '"\'+31 6 12345678"' in exported
    again = lead(live_app, "contacts.csv", exported.encode())
    rows = len(exported.splitlines()) - 1
    assert [again["summary"][name] for name in ("created", "updated", "failed")] == [0, 0, 0], again[
        "summary"
    ]
    assert again["summary"]["skipped"] == rows
    some = {"filter": {"property": "label", "operator": "has", "value": "vip"}}
    _, filtered = live_app.call("POST", "/api/v1/contact-exports", some, token=live_app.api_key)
    assert [line.split(",")[1] for line in filtered.splitlines()[1:]] == ['"Ada"']
    bad = {"filter": {"property": "nothing", "operator": "equals", "value": "x"}}
    problem = live_app.api("POST", "/contact-exports", bad)[1]
    assert (problem["code"], "email" in problem["allowed"]) == ("unknown_property", True)
    undone = live_app.api("POST", f"/contact-imports/{done['id']}/undo")[1]
    assert undone == {"binned": 2, "kept": 0, "updated": 0}
    assert live_app.api("DELETE", f"/contact-imports/{done['id']}")[0] == 204
    assert live_app.api("GET", f"/contact-imports/{done['id']}")[0] == 404


def test_that_an_upload_is_refused_as_a_problem_with_its_field(live_app: LiveApp) -> None:
    for name, content, status, code in (
        ("a.txt", b"Email\na@example.com", 415, "unsupported_type"),
        ("a.csv", b"a@example.com\nb@example.com", 422, "no_header"),
        ("a.xls", b"nothing", 422, "corrupt"),
    ):
        answer = live_app.send_file("/api/v1/contact-imports", name, content)
        assert (answer[0], answer[1]["code"]) == (status, code)
