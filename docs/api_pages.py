"""Write one page of the API reference for each public package, from its ``__all__``.

The pages follow the code, so no public name can be missing from them.
"""

import importlib
import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

#: What users type for each class that xarray registers.
ACCESSORS = {
    "OceansarDataset": "Dataset.oceansar",
    "OceansarDataArray": "DataArray.oceansar",
    "OceansarDataTree": "DataTree.oceansar",
    "PlotMethods": "oceansar.plot",
}


def entries(packages: Iterable[str]) -> Iterator[str]:
    """Yield the dotted name of the entry of each public object and of each accessor method."""
    homes = find_homes(packages)
    yield from homes.values()
    for name in ACCESSORS:
        module = importlib.import_module(module_of(name))
        for method in methods(getattr(module, name)):
            yield f"{module.__name__}.{name}.{method}"


def find_homes(packages: Iterable[str]) -> dict[str, str]:
    """Return the entry of each public name: what several packages list has one, in the first."""
    homes, first = {}, {}
    for package in packages:
        module = importlib.import_module(package)
        for name in names(module):
            item, full = getattr(module, name), f"{package}.{name}"
            homes[full] = first.setdefault(id(item), full) if callable(item) else full
    return homes


def names(module: ModuleType) -> list[str]:
    """Return the names of a package that are entries: neither packages nor the version."""
    return sorted(
        (
            name
            for name in module.__all__
            if not inspect.ismodule(getattr(module, name)) and name != "__version__"
        ),
        key=str.lower,
    )


def methods(accessor: type) -> list[str]:
    """Return the public methods of an accessor, inherited ones too."""
    return [name for name in dir(accessor) if not name.startswith("_")]


def directive(module: ModuleType, name: str) -> str:
    """Return the autodoc directive of one public name."""
    item = getattr(module, name)
    if inspect.isclass(item):
        members = "" if issubclass(item, Exception) else "   :members:\n"
        return f".. autoclass:: {name}\n{members}"
    if callable(item):
        return f".. autofunction:: {name}\n"
    return f".. autodata:: {name}\n   :no-value:\n"


def page(package: str, homes: dict[str, str]) -> str:
    """Return the page of a package as reStructuredText."""
    module = importlib.import_module(package)
    listed = [n for n in names(module) if homes[f"{package}.{n}"] == f"{package}.{n}"]
    elsewhere = sorted(
        {homes[f"{package}.{n}"] for n in names(module)}
        - {f"{package}.{n}" for n in listed}
    )
    lines = [
        package,
        "=" * len(package),
        "",
        f".. automodule:: {package}",
        f".. currentmodule:: {package}",
        "",
        ".. autosummary::",
        "",
        *(f"   {name}" for name in listed),
        "",
        *(directive(module, name) for name in listed),
    ]
    if elsewhere:
        lines += ["Here too: " + ", ".join(f"`{name}`" for name in elsewhere) + ".", ""]
    return "\n".join(lines)


def accessor_page(name: str) -> str:
    """Return the page of one accessor: a table of its methods, then each."""
    module = importlib.import_module(module_of(name))
    title = ACCESSORS[name]
    listed = methods(getattr(module, name))
    lines = [
        title,
        "=" * len(title),
        "",
        f".. currentmodule:: {module.__name__}",
        "",
        f".. autoclass:: {name}",
        "",
        ".. autosummary::",
        "",
        *(f"   ~{name}.{method}" for method in listed),
        "",
        *(member(getattr(module, name), method) for method in listed),
    ]
    return "\n".join(lines)


def member(accessor: type, name: str) -> str:
    """Return the autodoc directive of a member of an accessor."""
    kind = "property" if isinstance(getattr(accessor, name), property) else "method"
    return f".. auto{kind}:: {accessor.__name__}.{name}\n"


def module_of(accessor: str) -> str:
    """Return the module that an accessor's class is public in."""
    return f"xoceansar.{'plot_' if accessor == 'PlotMethods' else ''}accessor"


def write(folder: Path, packages: Iterable[str]) -> None:
    """Write every page that changed, and remove those of what is gone."""
    homes = find_homes(packages)
    pages = {p: page(p, homes) for p in packages if not p.endswith("accessor")}
    pages |= {ACCESSORS[name]: accessor_page(name) for name in ACCESSORS}
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.rst"):
        if old.stem not in pages:
            old.unlink()
    for name, text in pages.items():
        path = folder / f"{name}.rst"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
