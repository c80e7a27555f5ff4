"""Hold environment.yml equal to the dependencies of pyproject.toml."""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: conda-forge's name, where it differs from the one in pyproject.toml
CONDA_NAMES = {
    "dask": "dask-core",
    "huggingface-hub": "huggingface_hub",
    "matplotlib": "matplotlib-base",
    "torch": "pytorch",
}
#: what conda-forge lacks: installed by pip inside the environment
PIP_ONLY = {"roaring-landmask", "mapraster", "xsarsea", "xarray-safe-s1"}
#: on conda-forge xsar comes with all that it needs
CONDA_EXTRA = {"python", "pip", "xsar"}


def required() -> set[str]:
    """Names of every run-time requirement, extras included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        lines += extra
    names = {re.split(r"[\[<>=!~; ]", line, maxsplit=1)[0] for line in lines}
    return names - {"xoceansar"}


def listed() -> set[str]:
    """Names in environment.yml."""
    found = re.findall(
        r"^ +- ([A-Za-z0-9_\-]+)(?:[<>=].*)?$",
        (ROOT / "environment.yml").read_text(),
        flags=re.MULTILINE,
    )
    return set(found) - {"conda-forge", "nodefaults"}


def main() -> int:
    """Print the differences; 0 when there are none."""
    wanted = {CONDA_NAMES.get(n, n) for n in required()} | CONDA_EXTRA
    missing, surplus = wanted - listed(), listed() - wanted
    for name in sorted(missing):
        print(f"environment.yml lacks {name}")
    for name in sorted(surplus):
        print(f"environment.yml has {name}, which pyproject.toml does not")
    return int(bool(missing or surplus))


if __name__ == "__main__":
    sys.exit(main())
