"""Importing 10,000 messy rows: from the upload of a file to the summary of the commit, with the engine.

Aim: the commit, and all steps together, in at most 20 s each; counts as the generator made them. The
reference is a bare openpyxl that reads the same workbook. Beside it: how long a small write of somebody else
waits while the commit runs. `python -m evals.performance.crm_import [postgresql://…]`
"""

from __future__ import annotations

import asyncio
import io
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from openpyxl import load_workbook

from agentflow import bootstrap
from agentflow.bootstrap import Application
from agentflow.kit.settings import Settings
from crm.contacts import service as contacts
from crm.contacts.imports import service as imports
from crm.contacts.imports.schemas import ImportDetail, ImportState, Mapping
from crm.contacts.properties import service as properties
from crm.contacts.properties.schemas import PropertyCreate
from crm.contacts.schemas import ContactSource, PropertyType
from crm.teams import service as teams
from crm.teams.schemas import Scope
from crm.teams.service import Principal
from evals.performance import messy_contacts
from evals.performance.measuring import quantile, table

ROWS, BAD, SEED = 10_000, 300, 11
AIM_SECONDS = 20.0


def main() -> None:
    """Run it, on SQLite or on the database named."""
    asyncio.run(_measure(sys.argv[1] if len(sys.argv) > 1 else None))


async def _measure(database_url: str | None) -> None:
    messy = messy_contacts.make(SEED, ROWS, bad=BAD)
    files = {"xlsx": messy.xlsx(), "csv": messy.csv(SEED)}
    began = time.perf_counter()
    for row in load_workbook(io.BytesIO(files["xlsx"]), read_only=True).worksheets[0].iter_rows():
        assert row
    bare = time.perf_counter() - began
    head = (
        "file",
        "upload",
        "dry run",
        "commit",
        "all",
        "processor",
        "others wait p50 / max",
        "bare openpyxl",
    )
    rows: list[tuple[str, ...]] = [head]
    slowest = 0.0
    for kind, content in files.items():
        async with _application(database_url) as app:
            spent = time.process_time()
            steps, waits = await _import(app, f"klanten.{kind}", content, messy)
            spent = time.process_time() - spent
        slowest = max(slowest, sum(steps))
        waiting = f"{1000 * quantile(waits, 0.5):.0f} / {1000 * max(waits):.0f} ms"
        seconds = (f"{step:.2f} s" for step in (*steps, sum(steps), spent))
        rows.append((kind, *seconds, waiting, f"{bare:.2f} s"))
    table(
        f"Import of {ROWS:,} rows, {BAD} of them bad (aim: {AIM_SECONDS:.0f} s; waits: median / longest)",
        rows,
    )
    if slowest > AIM_SECONDS:
        sys.exit(f"the import took {slowest:.1f} s; the aim is {AIM_SECONDS:.0f} s")


@asynccontextmanager
async def _application(database_url: str | None) -> AsyncIterator[Application]:
    with TemporaryDirectory(prefix="agentflow-bench-") as home:
        settings = Settings.model_validate({"home": Path(home), "database_url": database_url})
        async with bootstrap.start(settings) as application:
            yield application


async def _import(
    app: Application, name: str, content: bytes, messy: messy_contacts.Messy
) -> tuple[list[float], list[float]]:
    who = await _workspace(app, messy)
    marks = [time.perf_counter()]
    made = await imports.upload(app.db, app.table_reader, who, filename=name, content=content)
    marks.append(time.perf_counter())
    columns = [{"column": one.column, "target": one.target} for one in made.suggestions]
    async with app.db.transaction() as session:
        await imports.set_mapping(session, who, made.id, Mapping.model_validate({"columns": columns}))
    async with app.db.transaction() as session:
        await imports.start_dry_run(session, who.workspace_id, made.id)
    checked, _ = await _wait(app, who, made.id, ImportState.CHECKED)
    marks.append(time.perf_counter())
    async with app.db.transaction() as session:
        await imports.commit(session, who, made.id)
    done, waits = await _wait(app, who, made.id, ImportState.DONE)
    marks.append(time.perf_counter())
    for summary in (checked.dry_run, done.summary):
        assert summary is not None
        counted = {outcome: getattr(summary, outcome) for outcome in messy.expected}
        assert counted == dict(messy.expected), (counted, messy.expected)
    return [later - earlier for earlier, later in zip(marks, marks[1:], strict=False)], waits


async def _workspace(app: Application, messy: messy_contacts.Messy) -> Principal:
    async with app.db.transaction() as session:
        made = await teams.create_workspace(session, name="Bench", time_zone="Europe/Amsterdam", locale="nl")
        for key, name, kind, choices in (
            ("since", "Klant sinds", PropertyType.DATE, ()),
            ("budget", "Budget", PropertyType.NUMBER, ()),
            ("plan", "Plan", PropertyType.CHOICE, messy_contacts.PLANS),
        ):
            data = PropertyCreate(key=key, name=name, type=kind, choices=list(choices))
            await properties.create_property(session, made.id, data)
        await contacts.create_many(session, made.id, messy.existing, source=ContactSource.MANUAL)
    return Principal("key_bench", made.id, frozenset(Scope))


async def _wait(
    app: Application, who: Principal, import_id: str, state: ImportState
) -> tuple[ImportDetail, list[float]]:
    """Until the import is there; how long each of somebody else's small writes took meanwhile."""
    waits: list[float] = []
    while True:
        began = time.perf_counter()
        async with app.db.transaction() as session:
            await teams.get_workspace(session, who.workspace_id)
        waits.append(time.perf_counter() - began)
        async with app.db.read() as session:
            found = await imports.get(session, who.workspace_id, import_id)
        if found.state == state:
            return found, waits
        if found.problem is not None:
            raise RuntimeError(found.problem)
        await asyncio.sleep(0.05)


if __name__ == "__main__":
    main()
