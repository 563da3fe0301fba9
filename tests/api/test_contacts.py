"""Contacts over HTTP: what a person does with them in a day, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.live import LiveApp


def post(app: LiveApp, path: str, body: object, expected: int = 201) -> Any:  # noqa: ANN401
    status, answer = app.api("POST", path, body)
    assert status == expected, answer
    return answer


def test_that_hot_premium_customers_are_found(live_app: LiveApp) -> None:
    plan = {"key": "tier", "name": "Tier", "type": "choice", "choices": ["Free", "Premium"]}
    post(live_app, "/contact-properties", plan)
    assert post(live_app, "/contact-properties", plan, 409)["code"] == "name_taken"
    ada = post(
        live_app,
        "/contacts",
        {
            "first_name": "Ada",
            "emails": ["ada@contacts.example"],
            "labels": ["#hotlead"],
            "properties": {"tier": "Premium"},
        },
    )
    assert (ada["name"], ada["source"], ada["labels"][0]["name"]) == ("Ada", "api", "hotlead")
    twin = post(live_app, "/contacts", {"emails": ["ADA@contacts.example"]}, 409)
    assert (twin["code"], twin["contact_id"]) == ("duplicate_contact", ada["id"])
    condition = {
        "all": [
            {"property": "properties.tier", "operator": "equals", "value": "premium"},
            {"property": "label", "operator": "has", "value": "hotlead"},
            {"not": {"property": "email", "operator": "is_empty"}},
        ]
    }
    page = post(live_app, "/contacts/search", {"filter": condition, "sort": "name"}, 200)
    assert ([one["id"] for one in page["items"]], page["next_cursor"]) == ([ada["id"]], None)
    assert post(live_app, "/contacts/count", {"filter": condition}, 200) == {"count": 1}
    named = post(live_app, "/contact-lists", {"name": "By hand"})["id"]
    members = {"add": [ada["id"], "con_none"]}
    came = post(live_app, f"/contact-lists/{named}/contacts", members, 200)
    assert came == {"added": 1, "removed": 0, "unknown": ["con_none"]}
    made = post(live_app, "/contact-lists", {"name": "Hot", "filter": condition})
    assert live_app.api("GET", f"/contact-lists/{made['id']}")[1]["filter"] == condition | {
        "all": [*condition["all"][:2], {"not": {"property": "email", "operator": "is_empty", "value": None}}]
    }
    changed = live_app.api("PATCH", f"/contacts/{ada['id']}", {"properties": {"tier": "Free"}})[1]
    assert changed["properties"] == {"tier": "Free"}
    assert post(live_app, "/contacts/count", {"filter": condition}, 200) == {"count": 0}
    live_app.api("DELETE", f"/contacts/{ada['id']}")
    assert live_app.api("GET", f"/contacts/{ada['id']}")[0] == 404
    assert post(live_app, f"/contacts/{ada['id']}/restore", None, 200)["deleted_at"] is None


@pytest.mark.parametrize(
    "body", [{}, {"first_name": " "}, {"emails": [], "labels": [], "properties": {}, "country": None}]
)
def test_that_a_contact_about_whom_nothing_is_said_is_not_made(live_app: LiveApp, body: object) -> None:
    assert post(live_app, "/contacts", body, 422)["code"] == "empty_contact"


def test_that_a_wrong_filter_is_a_problem_with_its_place(live_app: LiveApp) -> None:
    leaf = {"property": "name", "operator": "is_set"}
    deep: object = leaf
    for _ in range(300):
        deep = {"not": deep}
    for given, code in (
        ({"filter": {"all": [leaf] * 1000}}, "filter_too_large"),
        ({"filter": deep}, "filter_too_deep"),
        ({"filter": leaf | {"property": "nothing"}}, "unknown_property"),
        ({"filter": leaf | {"operator": "sounds_like"}}, "invalid_input"),
        ({"cursor": "bm9uc2Vuc2U"}, "bad_cursor"),
        ({"group": "my"}, "bad_reference"),
    ):
        assert post(live_app, "/contacts/search", given, 422)["code"] == code


def test_that_the_filter_language_describes_itself(live_app: LiveApp) -> None:
    status, schema = live_app.api("GET", "/contact-filters/schema")
    assert status == 200
    by_name = {one["property"]: one for one in schema["fields"]}
    assert by_name["last_contact_at"]["type"] == "time"
    assert "contains" in by_name["company"]["operators"]
    assert "between" in schema["condition"]["$defs"]["Operator"]["enum"]
