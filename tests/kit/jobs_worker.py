"""A worker process for test_jobs.py, which kills it: `python jobs_worker.py URL HOME KEY DIARY SECONDS`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from agentflow.kit.db import Database
from agentflow.kit.jobs import Jobs, Queue
from agentflow.kit.settings import Settings


async def main(url: str, home: str, key: str, diary: str, seconds: str) -> None:
    settings = Settings.model_validate(
        {"database_url": url, "home": home, "key": key, "jobs": {"lease_seconds": 0.2}}
    )

    async def work(conversation: str, seq: int) -> None:
        note(f"begin {conversation} {seq}")
        await asyncio.sleep(float(seconds))
        note(f"end {conversation} {seq}")

    def note(line: str) -> None:
        with Path(diary).open("a") as file:
            file.write(f"{line}\n")

    jobs = Jobs(Database(settings), [Queue("turns", partitioned=True)])
    jobs.register("turn", work, queue="turns")
    await jobs.launch()
    note("ready")
    await asyncio.sleep(60)


asyncio.run(main(*sys.argv[1:]))
