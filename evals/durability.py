"""kill -9 while knowledge is taken in, switched and erased, at places drawn at random, on both stores.

After each kill: no search ever showed half a document or two editions at once, the database holds no
half-visible generation, and once the server is back nothing is left over: no row, file, index or job.
The run ends at the first place where that does not hold, and prints what it found.

python -m evals.durability [--points 50] [--store sqlite|postgres] [--seed N]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

TEST = "tests/e2e/test_crash_knowledge.py"


def main() -> int:
    """Kill, and count."""
    parser = argparse.ArgumentParser(prog="python -m evals.durability")
    parser.add_argument("--points", type=int, default=50, help="kills on each store")
    parser.add_argument("--store", choices=("sqlite", "postgres"), action="append")
    parser.add_argument("--seed", type=int, help="of a run that is to be thrown again")
    order = parser.parse_args()
    options = ["--points", str(order.points), *(["--seed", str(order.seed)] if order.seed else [])]
    failed = []
    for store in order.store or ("sqlite", "postgres"):
        began = time.monotonic()
        command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", TEST, "-k", store]
        if subprocess.run([*command, *options], check=False).returncode:
            failed.append(store)
        sys.stdout.write(f"{store}: {order.points} kills asked for, {time.monotonic() - began:.0f} s\n")
    verdict = f"failed: {', '.join(failed)}" if failed else "every document whole, nothing left over"
    sys.stdout.write(f"{verdict}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
