"""The long run: ``python -m tests.fuzz``, or ``make fuzz``."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.kinds import KINDS
from tests.fuzz.outcomes import BAD, Result, try_one
from tests.fuzz.run import Table, make_inputs, plan, run


def main() -> int:
    """Try mutants and print what they came to; 1 where one of them failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="mutants")
    parser.add_argument("--seed", type=int, default=0, help="of the run")
    parser.add_argument("--kinds", default=",".join(KINDS), help="comma-separated")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument(
        "--log", type=Path, help="one line a result; what it holds is not tried again"
    )
    parser.add_argument(
        "--one", metavar="KIND:SEED", help="try one mutant, here, and say all"
    )
    options = parser.parse_args()
    if options.one:
        return _one(*options.one.split(":"))
    names = options.kinds.split(",")
    table = Table(options.log)
    tasks = (t for t in plan(options.count, options.seed, names) if t not in table.done)
    begun, shown = time.monotonic(), time.monotonic()
    for number, result in enumerate(run(tasks, names, options.workers), 1):
        table.add(result)
        if result.outcome in BAD:
            _say(result)
        if time.monotonic() - shown > 60:
            shown = time.monotonic()
            sys.stdout.write(
                f"# {number}, {shown - begun:.0f} s, {len(table.bad)} bad\n"
            )
            sys.stdout.flush()
    sys.stdout.write(f"{table}\n")
    return 1 if table.bad else 0


def _say(result: Result) -> None:
    last = result.words.splitlines()[-1] if result.words else ""
    sys.stdout.write(
        f"{result.outcome}  {result.kind}:{result.seed}  {result.operation}  {result.what[:200]}  | {last[:300]}\n"
    )
    sys.stdout.flush()


def _one(name: str, seed: str) -> int:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        base, scratch = Path(folder, "base"), Path(folder, "scratch")
        base.mkdir()
        scratch.mkdir()
        make_inputs([name], base)
        result = try_one(KINDS[name](base, scratch), int(seed))
    sys.stdout.write(
        f"{result.outcome}\n{result.operation}\n{result.what}\n{result.words}\n"
    )
    return 1 if result.outcome in BAD else 0


if __name__ == "__main__":
    sys.exit(main())
