"""Takeovers, each begun at a named moment of a real answer on its way out, on both stores.

After the commit of each: no sentence, message or send of the agent began. The run ends at the first that did.

python -m evals.takeovers [--races 500] [--store sqlite|postgres]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

TEST = "tests/crm/inbox/test_takeover_races.py"


def main() -> int:
    """Race, and count."""
    parser = argparse.ArgumentParser(prog="python -m evals.takeovers")
    parser.add_argument("--races", type=int, default=500, help="takeovers on each store")
    parser.add_argument("--store", choices=("sqlite", "postgres"), action="append")
    order = parser.parse_args()
    failed = []
    for store in order.store or ("sqlite", "postgres"):
        began = time.monotonic()
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", TEST, "-k", store]
        options = ["--races", str(order.races), "--timeout", "1800"]
        if subprocess.run([*command, *options], check=False).returncode:
            failed.append(store)
        sys.stdout.write(f"{store}: {order.races} races, {time.monotonic() - began:.0f} s\n")
    verdict = f"failed: {', '.join(failed)}" if failed else "no message of the agent began after a takeover"
    sys.stdout.write(f"{verdict}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
