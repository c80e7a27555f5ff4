"""Run every benchmark in this folder and print one table of their numbers."""

import json
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent


def main() -> int:
    """Run the scripts named on the command line, or all; 0 when every bar holds."""
    wanted = sys.argv[1:]
    scripts = sorted(
        path
        for path in HERE.glob("*.py")
        if not path.name.startswith("_") and path.name != "run.py"
    )
    if wanted:
        scripts = [path for path in scripts if path.stem in wanted]
    table = Table(
        "number", "value", "unit", "bar", "holds", title="xoceansar benchmarks"
    )
    failed = False
    for script in scripts:
        print(f"# {script.stem}", file=sys.stderr, flush=True)
        done = subprocess.run(
            [sys.executable, str(script)],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        failed |= done.returncode != 0
        for line in done.stdout.splitlines():
            print(line, flush=True)
            if not line.startswith("{"):
                continue
            record = json.loads(line)
            failed |= record["holds"] is False
            mark = {True: "yes", False: "NO", None: ""}[record["holds"]]
            table.add_row(
                record["name"],
                str(record["value"]),
                record["unit"],
                record["bar"],
                mark,
            )
        if done.returncode:
            table.add_row(script.stem, f"exit code {done.returncode}", "", "", "NO")
    Console().print(table)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
