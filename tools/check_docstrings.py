"""Validate the docstrings of the public API against the numpydoc standard."""

import enum
import importlib
import inspect
import pkgutil
import sys

from numpydoc.validate import validate

import xoceansar

#: GL01/GL02/GL03: layout that ruff's pydocstyle rules already decide.
#: ES01, SA01, EX01: an extended summary, a See Also and an example are welcome, not forced.
#: GL08: ruff D1 covers missing docstrings.  PR01/PR02 stay on: they catch drift.
SKIP = {
    "GL01",
    "GL02",
    "GL03",
    "GL08",
    "ES01",
    "SA01",
    "EX01",
    "RT02",
    "SS06",
    "PR08",
    "PR09",
    "RT04",
    "RT05",
    "SS03",
    "SS05",
    "RT03",
    "PR04",
}


def public_names() -> list[str]:
    """Dotted names of every function, class and method that a module lists in __all__."""
    names = []
    for info in pkgutil.walk_packages(xoceansar.__path__, "xoceansar."):
        private = any(part.startswith("_") for part in info.name.split("."))
        # the docstrings of commands are their help texts
        if private or info.name.startswith("xoceansar.cli"):
            continue
        module = importlib.import_module(info.name)
        for name in getattr(module, "__all__", ()):
            item = inspect.getattr_static(module, name, None)
            if getattr(item, "__module__", None) != info.name:
                continue
            if inspect.isclass(item) and issubclass(item, enum.Enum):
                continue
            if inspect.isclass(item):
                names.append(f"{info.name}.{name}")
                names += [
                    f"{info.name}.{name}.{member}"
                    for member, value in vars(item).items()
                    if inspect.isfunction(value) and not member.startswith("_")
                ]
            elif inspect.isfunction(item):
                names.append(f"{info.name}.{name}")
    return names


def main() -> int:
    """Print every finding; 0 when there are none."""
    findings = 0
    for name in public_names():
        for code, message in validate(name)["errors"]:
            if code not in SKIP:
                print(f"{name}: {code} {message}")
                findings += 1
    return int(findings > 0)


if __name__ == "__main__":
    sys.exit(main())
