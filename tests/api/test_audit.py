"""The audit log over HTTP: what a request did stands there, and nothing takes it away."""

from __future__ import annotations

from typing import Any

from tests.e2e.live import LiveApp
from tests.people import add_person, browser_of, log_in


def test_that_reads_changes_and_refusals_stand_in_the_log(live_app: LiveApp) -> None:
    with browser_of(live_app) as admin:
        log_in(admin, add_person(live_app))
        me = admin.get("/staff").json()["items"][0]["id"]
        team = admin.post("/teams", json={"name": "Verysecretname"}).json()["id"]
        admin.get("/teams/Verysecretname")
        assert admin.get(f"/teams/{team}").status_code == 200

        def logged() -> list[dict[str, Any]]:
            return list(admin.get("/audit", params={"who": me, "record_type": "teams"}).json()["items"])

        live_app.wait_until(lambda: len(logged()) == 3, 10, every=0.3)
        found = {(entry["action"], entry["status"], tuple(entry["record_ids"])) for entry in logged()}
        assert found == {
            ("teams.create_team", None, (team,)),
            ("teams.get_team", 404, ()),
            ("teams.get_team", 200, (team,)),
        }
        first = logged()[0]
        assert (first["who_id"], first["who_kind"], first["role"], first["ip"]) == (
            me,
            "staff",
            "admin",
            "127.0.0.1",
        )
        whole = admin.get("/audit", params={"limit": 200}).text
        assert "Verysecretname" not in whole
        assert {"auth.log_in", "auth.change_password"} <= {
            entry["action"] for entry in admin.get("/audit?limit=200").json()["items"]
        }
        assert admin.get("/audit", params={"from": "yesterday"}).status_code == 422


def test_that_no_route_changes_the_log(live_app: LiveApp) -> None:
    paths = live_app.call("GET", "/api/openapi.json")[1]["paths"]
    about = {path: set(item) for path, item in paths.items() if "audit" in path or "alert" in path}
    assert about == {"/api/v1/audit": {"get"}, "/api/v1/alerts": {"get"}}


def test_that_failed_log_ins_are_listed_as_an_alert(live_app: LiveApp) -> None:
    person = add_person(live_app)
    with browser_of(live_app) as stranger, browser_of(live_app) as admin:
        log_in(admin, add_person(live_app, person.workspace_id))
        known = {one["email"]: one["id"] for one in admin.get("/staff").json()["items"]}
        for _ in range(10):
            stranger.post("/auth/login", json={"email": person.email, "password": "not it"})
        found = {(alert["kind"], alert["subject"]) for alert in admin.get("/alerts").json()["items"]}
        assert ("failed_log_ins", known[person.email]) in found


def test_that_three_exports_within_an_hour_are_an_alert(live_app: LiveApp) -> None:
    with browser_of(live_app) as admin:
        log_in(admin, add_person(live_app))
        for _ in range(3):
            assert admin.get("/contact-exports/contacts.csv").status_code == 200

        def kinds() -> list[str]:
            return [alert["kind"] for alert in admin.get("/alerts").json()["items"]]

        live_app.wait_until(lambda: kinds() == ["mass_export"], 10, every=0.3)
        exported = admin.get("/audit", params={"action": "contacts.exported"}).json()["items"]
        assert [entry["amount"] for entry in exported] == [0, 0, 0]
