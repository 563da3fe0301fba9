"""kill -9 while contacts are imported: the next server goes on, and no row is taken over twice."""

from __future__ import annotations

from tests.api.test_imports import wait
from tests.e2e.live import LiveApp

ROWS, PEOPLE = 1600, 1520


def test_that_an_import_that_was_killed_is_finished_by_the_next_server(fresh_app: LiveApp) -> None:
    app = fresh_app.start()
    rows = "".join(f"P{row},p{row % PEOPLE}@example.com,Firm {row}\n" for row in range(ROWS))
    before = len(app.call("GET", "/api/v1/contact-exports/contacts.csv", token=app.api_key)[1].splitlines())
    _, made = app.send_file("/api/v1/contact-imports", "a.csv", f"Name,Email,Company\n{rows}".encode())
    path = f"/contact-imports/{made['id']}"
    columns = [{"column": one["column"], "target": one["target"]} for one in made["suggestions"]]
    assert app.api("PUT", f"{path}/mapping", {"columns": columns})[0] == 200
    assert app.api("POST", f"{path}/dry-run")[0] == 202
    wait(app, made["id"], "checked")
    assert app.api("POST", f"{path}/commit")[0] == 202
    app.wait_until(lambda: app.api("GET", path)[1]["progress"]["done"] > 0, 60)
    app.kill()
    app.start()
    done = wait(app, made["id"], "done", "failed")

    assert done["state"] == "done", done["problem"]
    counted = [done["summary"][name] for name in ("rows", "created", "updated", "skipped", "failed")]
    assert counted == [ROWS, PEOPLE, ROWS - PEOPLE, 0, 0]
    after = app.call("GET", "/api/v1/contact-exports/contacts.csv", token=app.api_key)[1].splitlines()
    assert len(after) - before == PEOPLE
