"""kill -9 while a reminder is told: it is told exactly once, and never mailed twice."""

from __future__ import annotations

import asyncio
import random
import time

import pytest

from agentflow.kit.db import Database
from agentflow.kit.events import read_events
from agentflow.kit.settings import Settings
from crm.contacts.reminders.firing import EVENT
from tests.e2e.dying import Dying
from tests.e2e.killer import REMINDER_PLACES
from tests.e2e.live import LiveApp

KILLS = 1  # in one run; each draws its place
MARKED = "end:_claim_mail:1"  # the mail counts as sent and was not: none is better than two


async def told(app: LiveApp, workspace: str) -> list[str]:
    """Reminders by their ids, as often as they were told."""
    db = Database(Settings.model_validate({"home": app.home, "database_url": app.database_url}))
    async with db.read() as session:
        found = await read_events(session, workspace, after=0, kinds=[EVENT], limit=200)
    await db.close()
    return [str(event.payload["reminder_id"]) for event in found]


def mails(app: LiveApp, text: str) -> int:
    return sum(text in path.read_text() for path in (app.home / "mail").glob("*.eml"))


@pytest.mark.timeout(300)
def test_that_a_reminder_is_told_once_wherever_the_server_dies(
    fresh_app: LiveApp, dice: random.Random
) -> None:
    dying = Dying(fresh_app)
    fresh_app.start()
    workspace = fresh_app.api("GET", "/workspace")[1]["id"]
    contact = fresh_app.api("POST", "/contacts", {"first_name": "Maria"})[1]["id"]
    path = f"/contacts/{contact}/reminders"
    due = {"due_at": "2026-01-01T09:00:00Z", "staff_id": fresh_app.api("GET", "/staff")[1]["items"][0]["id"]}
    places = dice.sample(REMINDER_PLACES, KILLS)
    for number, place in enumerate(places):
        print("killed at", place)
        dying.doom(place)
        dying.attempt(lambda: fresh_app.api("POST", path, {"text": f"Call {number} back"} | due))  # noqa: B023
        dying.bury()
        fresh_app.start()
        fresh_app.wait_until(lambda: len(asyncio.run(told(fresh_app, workspace))) > number, 40)  # noqa: B023
        if place == MARKED:  # the job is taken up again, and finds it done
            fresh_app.wait_until(lambda: any("is adopted" in line for line in fresh_app.output), 40)
        else:
            fresh_app.wait_until(lambda: mails(fresh_app, f"Call {number} back"), 40)  # noqa: B023
    time.sleep(0.5)  # for a second one that must not come
    known = [one["id"] for one in fresh_app.api("GET", path)[1]["items"]]
    assert sorted(asyncio.run(told(fresh_app, workspace))) == sorted(known)
    for number, place in enumerate(places):
        allowed = (0, 1) if place == MARKED else (1,)
        assert mails(fresh_app, f"Call {number} back") in allowed, place
