"""What an installation of the core alone lacks, and what tests do without it."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: Modules that are not called as what installs them.
_MODULES = {
    "lightning-fabric": "lightning_fabric",
    "scikit-learn": "sklearn",
    "xarray-safe-s1": "safe_s1",
}


def optional_modules() -> set[str]:
    """Return the top modules that the extras of pyproject.toml bring, and xsar, beyond the core."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    def modules(lines):
        names = {line.partition("[")[0].partition(">")[0] for line in lines}
        return {_MODULES.get(name, name.replace("-", "_")) for name in names}

    extras = {"xsar"}
    for lines in project["optional-dependencies"].values():
        extras |= modules(lines)
    return extras - modules(project["dependencies"]) - {"xoceansar"}


def skip_without(error: BaseException) -> None:
    """Skip the test if it failed because one of those modules is not installed."""
    while error is not None:
        name = getattr(error, "name", None) if isinstance(error, ImportError) else None
        if name is not None and name.partition(".")[0] in optional_modules():
            pytest.skip(f"needs {name}")
        error = error.__cause__ or error.__context__
