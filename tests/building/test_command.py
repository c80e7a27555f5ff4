"""The command ``xoceansar build``."""

import json

import pytest
from typer.testing import CliRunner

from xoceansar.cli import app


def run(*words):
    """Run the command in a wide terminal."""
    words = [str(word) for word in words]
    return CliRunner(env={"COLUMNS": "200", "TERM": "dumb"}).invoke(
        app, ["build", *words]
    )


@pytest.fixture
def words(store, tmp_path):
    """Return the words of a build of the made-up store."""
    truth = ["--truth", store / "truth.nc"]
    to = ["--to", tmp_path / "model"]
    return [
        store / "archive.zarr",
        *truth,
        "--features",
        "statistics",
        "--targets",
        "swh",
        *to,
    ]


def test_it_builds_shows_scores_and_where_the_report_is(words, tmp_path):
    done = run(*words)
    assert done.exit_code == 0, done.stderr
    facts = json.loads(
        (tmp_path / "model.build" / "evaluation" / "stage.json").read_text()
    )
    rmse = facts["scores"]["swh"]["later"]["model"]["rmse"]
    assert f"{rmse:.3g}" in done.stdout
    for text in (
        tmp_path / "model",
        tmp_path / "model.build" / "report" / "report.html",
    ):
        assert str(text) in done.stdout
        assert text.exists()
    again = run(*words)
    assert again.exit_code == 0
    assert again.stdout.count("done before") == 8


def test_a_dry_run_lists_the_stages(words, tmp_path):
    done = run(*words, "--dry-run")
    assert done.exit_code == 0, done.stderr
    assert "1200 vignettes" in done.stdout
    assert done.stdout.count("to do") == 8
    assert not (tmp_path / "model.build").exists()


def test_what_is_wrong_is_one_line_and_the_exit_code_2(words, tmp_path):
    assert run(*words, "--until", "targets").exit_code == 0
    done = run(*words, "--head", "mlp")
    assert done.exit_code == 2
    assert "Error: the stages beside" in done.stderr
    assert "head 'linear', now 'mlp'" in done.stderr
    assert "Traceback" not in done.stderr
    units = run(*words, "--units", "swh")
    assert units.exit_code == 2
    assert "NAME=UNIT" in units.stderr
