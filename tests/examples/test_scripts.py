"""Every script of examples/ runs from nothing, in a process and a folder of its own, without a network."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "examples").glob("*.py"))
#: Arguments that keep a script to minutes.
ARGUMENTS = {"gallery": ["pictures", "map-global", "track"]}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_runs(script, tmp_path):
    path = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(p for p in path if p),
        "HF_HUB_OFFLINE": "1",
        "MPLBACKEND": "Agg",
        "TMPDIR": str(tmp_path),
        "https_proxy": "http://127.0.0.1:9",
    }
    command = [sys.executable, str(script), *ARGUMENTS.get(script.stem, [])]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout
