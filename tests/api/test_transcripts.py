"""A conversation and its contact leave as files: who may take them, what is logged, what is not in them."""

from __future__ import annotations

import json

from crm.teams.schemas import Role
from tests.e2e.live import LiveApp
from tests.people import add_person, browser_of, log_in


def test_that_a_conversation_leaves_as_a_file_without_its_notes(live_app: LiveApp) -> None:
    workspace = live_app.api("GET", "/workspace")[1]["id"]
    visitor = live_app.visit()
    visitor.say("=1+1 is what I paid", "first")
    visitor.wait_for_answer()
    path = f"/conversations/{visitor.conversation_id}"
    with browser_of(live_app) as staff, browser_of(live_app) as admin:
        log_in(staff, add_person(live_app, workspace, role=Role.STAFF))
        log_in(admin, add_person(live_app, workspace))
        assert staff.post(f"{path}/notes", json={"text": "quincunx"}).status_code == 201
        contact = staff.get(path).json()["contact_id"]
        assert staff.post(f"/contacts/{contact}/notes", json={"text": "quincunx"}).status_code == 201
        assert staff.get(f"{path}/messages.csv").json()["code"] == "missing_scope"

        file = admin.get(f"{path}/messages.csv")
        assert file.headers["content-disposition"].startswith("attachment")
        assert "'=1+1 is what I paid" in file.text
        own = admin.get(f"/contacts/{contact}/export")
        assert "=1+1 is what I paid" in own.text
        for given in (file.text, own.text, everything_a_visitor_gets(live_app, visitor.token)):
            assert "quincunx" not in given

        def exported() -> list[int]:
            found = admin.get("/audit", params={"action": "contacts.exported"}).json()["items"]
            return [one["amount"] for one in found if visitor.conversation_id in one["record_ids"]]

        live_app.wait_until(lambda: exported() == [1], 10, every=0.3)


def everything_a_visitor_gets(app: LiveApp, token: str) -> str:
    """The answers of every way of the widget that asks for no file."""
    site = f"/widget/v1/{app.site_key}"
    back = app.call("POST", f"{site}/sessions", {"visitor_token": token})[1]
    again = str(back["token"])
    answers = [
        back,
        app.call("GET", f"{site}/config")[1],
        app.call("GET", f"/widget/v1/events?cursor={back['cursor']}&wait=0", token=again)[1],
        app.call("GET", "/widget/v1/events?cursor=0&wait=0", token=again)[1],
    ]
    assert "=1+1 is what I paid" in json.dumps(answers)
    return json.dumps(answers)
