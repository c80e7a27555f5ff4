"""A small product and a tiny model, as a user would name them on a command line."""

import pytest
from typer.testing import CliRunner

from xoceansar.cli import app
from xoceansar.simulate import write_safe


@pytest.fixture
def run():
    """Run the command line; wide enough that no table wraps."""
    runner = CliRunner(env={"COLUMNS": "160", "TERM": "dumb"})
    return lambda *args: runner.invoke(app, [str(a) for a in args])


@pytest.fixture(scope="session")
def product(tmp_path_factory):
    """Two vignettes of a fifth of the real size."""
    return write_safe(tmp_path_factory.mktemp("product"), n=2, seed=3, scale=0.2)


@pytest.fixture(scope="session")
def model(tiny_model):
    return tiny_model.path
