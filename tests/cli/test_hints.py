"""Hints name what can be typed at a terminal."""

import shutil

import pytest
import typer
import xarray as xr

from xoceansar.cli import app
from xoceansar.cli.shell import in_flags

COMMANDS = typer.main.get_command(app).commands


@pytest.mark.parametrize(
    ("command", "words", "said"),
    [
        ("export", "or replace it with overwrite=True.", "or replace it with --overwrite."),
        ("retrieve", "Download it again, or say verify=False.", "Download it again, or say --no-verify."),
        ("open", "Download it again, or say verify=False.", "Download it again, or say verify=False (in Python)."),
        ("process", "Leave it out of outputs=...", "Leave it out of --outputs ..."),
            ("icebergs", "Use another model (model=...).", "Use another model (--model ...)."),
        ("pretrain", "Go on with resume=True, or", "Go on with --resume, or"),
        ("fit", "use head='linear', 'knn' or 'mlp'.", "use --head linear, 'knn' or 'mlp'."),
        ("fit", "or validation=a Dataset.", "or --validation ...."),
        ("similar", "or use load_model(..., device='cpu').", "or use load_model(..., device='cpu')."),
        ("export", "ds.select(time='2021') or ds.rename(name='sigma0')", "ds.select(time='2021') or ds.rename(name='sigma0')"),
        ("open", "or pass uncalibrated=True to go on", "or pass uncalibrated=True (in Python) to go on"),
        ("experiment", "it was made with mode='lora'", "it was made with --mode lora"),
    ],
)  # fmt: skip
def test_arguments_become_the_flags_of_the_command(command, words, said):
    assert in_flags(words, COMMANDS[command].params) == said


def test_errors_and_notes_of_a_command_name_its_flags(run, product, model, tmp_path):
    unsigned = shutil.copytree(product, tmp_path / product.name)
    manifest = unsigned / "manifest.safe"
    manifest.write_text(manifest.read_text().replace('"MD5"', '"none"'))
    out = tmp_path / "a.zarr"
    xr.Dataset({"a": 1}).to_zarr(out)
    done = run("retrieve", unsigned, "--to", out, "--model", model)
    assert done.exit_code == 2
    assert "or say --no-verify." in done.stderr
    assert "replace it with --overwrite." in done.stderr
