"""Every benchmark in one run: `make bench DATA=path`. Each prints a table of figures beside a reference.

python -m evals.performance DATA [NAME …]
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# Each runs in a process of its own, so that none warms another up. True: it reads the measuring pack.
BENCHMARKS = {
    "documents": True,
    "retrieval": True,
    "tables": True,
    "indirect": True,
    "citations": False,
    "encoder": True,
    "ingest": True,
    "large_pdf": True,
    "many_bases": True,
    "turn": False,
    "crm_inbox": False,
    "start": False,
    "install": False,
    "crm_import": False,
    "crm_contacts": False,
}


def main(arguments: Sequence[str]) -> int:
    """Run those named, or all; 2 without the measuring pack, 1 when one failed."""
    data = Path(arguments[0]) if arguments else Path("data")
    if not (data / "retrieval_en" / "qa.jsonl").is_file():
        print(f"bench: there is no measuring pack in {data}; name it with DATA=path", file=sys.stderr)
        return 2
    chosen = list(arguments[1:]) or list(BENCHMARKS)
    unknown = sorted(set(chosen) - set(BENCHMARKS))
    if unknown:
        print(
            f"bench: no benchmark is called {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}",
            file=sys.stderr,
        )
        return 2
    failed = [name for name in chosen if _run(name, data)]
    if failed:
        print(f"\nbench: failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _run(name: str, data: Path) -> int:
    print(f"\n=== {name}", flush=True)
    command = [sys.executable, "-m", f"evals.performance.{name}"]
    return subprocess.run([*command, str(data)] if BENCHMARKS[name] else command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
