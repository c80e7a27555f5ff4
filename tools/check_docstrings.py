"""Validate the docstrings of the names that a user can reach against the numpydoc standard."""

import enum
import importlib
import inspect
import sys

from numpydoc.validate import validate

#: GL01/GL02/GL03: layout that ruff's pydocstyle rules already decide.
#: ES01, SA01: an extended summary and a See Also are welcome, not forced.
#: GL08: ruff D1 covers missing docstrings.  PR01/PR02 stay on: they catch drift.
SKIP = {
    "GL01",
    "GL02",
    "GL03",
    "GL08",
    "ES01",
    "SA01",
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


#: Where a user finds names; modules inside are ours to rearrange.
PUBLIC = (
    "xoceansar", "xoceansar.accessor", "xoceansar.errors", "xoceansar.evaluate", "xoceansar.io", "xoceansar.models",
    "xoceansar.ops", "xoceansar.plot", "xoceansar.plot_accessor", "xoceansar.sar", "xoceansar.simulate",
    "xoceansar.train",
)  # fmt: skip


def public_names() -> list[str]:
    """Dotted names of every function, class and method that a public package lists in __all__."""
    names = []
    for package in map(importlib.import_module, PUBLIC):
        for name in package.__all__:
            item = getattr(package, name)
            if inspect.isclass(item) and not issubclass(item, enum.Enum):
                names.append(f"{item.__module__}.{name}")
                names += [
                    f"{base.__module__}.{base.__name__}.{member}"
                    for base in inspect.getmro(item)
                    if base.__module__.startswith("xoceansar")
                    for member, value in vars(base).items()
                    if inspect.isfunction(value) and not member.startswith("_")
                ]
            elif inspect.isfunction(item):
                names.append(f"{item.__module__}.{name}")
    return sorted(set(names))


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
