"""What can be wrong with an archive, and how it is found without reading its values."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from typing import Any, Final, TypeAlias

from xoceansar._paths import is_url, strange_entries
from xoceansar.conventions import VIGNETTE
from xoceansar.errors import ArchiveError
from xoceansar.io.archive.guarded_store import chunk_layout
from xoceansar.io.archive.zarr_archive import COUNTS
from xoceansar.processing.product_records import UNIT, UNITS, Record

#: Metadata of groups and arrays, as in their ``zarr.json``, by path; "" is the root.
Hierarchy: TypeAlias = dict[str, dict[str, Any]]

#: Stores whose chunks have checksums hold every chunk, also those of missing values only.
_CHECKED: Final = "crc32c"
_NAMED: Final = 3


@dataclass(frozen=True)
class Fault:
    """Something that is wrong with an archive.

    Parameters
    ----------
    place : str
        File, array or table in the archive.
    text : str
        What is wrong there.
    mendable : bool
        Whether it can be put right from what is there, without guessing.
    """

    place: str
    text: str
    mendable: bool = False

    def __str__(self) -> str:
        """Name the place first."""
        return f"{self.place}: {self.text}"


def refuse(target: str, faults: Iterable[Fault]) -> None:
    """Raise where an archive has faults that adding to it would not mend."""
    grave = [fault for fault in faults if not fault.mendable]
    if grave:
        more = len(grave) - _NAMED
        text = "; ".join(map(str, grave[:_NAMED])) + (f"; and {more} more" * (more > 0))
        raise ArchiveError(
            f"{target} is damaged, or was changed by another program: {text}. Nothing is "
            f"added to it. All that is wrong is listed by: xoceansar check {target}"
        )


def growing(group: str, members: Hierarchy) -> dict[str, int]:
    """Give the numbers of rows of the arrays of a group that grow with it."""
    dim = UNIT if group else VIGNETTE
    found = {}
    for path, metadata in members.items():
        parent, _, name = path.rpartition("/")
        dims = metadata.get("dimension_names") or []
        shape = metadata.get("shape") or []
        if path and parent == group and dim in dims and len(shape) == len(dims):
            found[name] = int(shape[dims.index(dim)])
    return found


def find_lengths(members: Hierarchy) -> list[Fault]:
    """Find arrays of a group whose lengths along a dim differ, and counts that do not hold."""
    faults = []
    sizes: dict[tuple[str, str], dict[int, list[str]]] = {}
    for path, metadata in members.items():
        dims, shape = metadata.get("dimension_names") or [], metadata.get("shape") or []
        for dim, size in zip(dims, shape, strict=False):
            if dim is not None:
                found = sizes.setdefault((path.rpartition("/")[0], dim), {})
                found.setdefault(size, []).append(path)
    for (_, dim), lengths in sizes.items():
        if len(lengths) > 1:
            told = sorted(lengths.items(), key=lambda item: len(item[1]))
            text = ", ".join(f"{size} of {names[0]}" for size, names in told)
            faults.append(Fault(told[0][1][0], f"lengths along {dim} differ: {text}"))
    attributes = members.get("", {}).get("attributes") or {}
    for group, name in COUNTS.items():
        rows = max(growing(group, members).values(), default=0)
        if attributes.get(name, rows) != rows:
            text = f"{rows} rows, and {attributes[name]} were committed"
            faults.append(Fault(group or "vignettes", text))
    return faults


def find_lost_chunks(members: Hierarchy, keys: Collection[str]) -> list[Fault]:
    """Find chunks that were written and are not there: their values would read as missing."""
    faults = []
    for path, metadata in members.items():
        try:
            lost = _lost(path, metadata, keys)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            lost = f"its metadata is damaged: {type(error).__name__}: {error}"
        if lost:
            faults.append(Fault(path, lost))
    return faults


def _lost(path: str, metadata: Mapping[str, Any], keys: Collection[str]) -> str:
    codecs = [codec["name"] for codec in metadata.get("codecs", [])]
    if _CHECKED not in codecs:
        return ""
    # as many as there are keys, and one more, show what is lost, whatever the shape says
    few = islice(chunk_keys(metadata), len(keys) + 1)
    first = next((key for key in few if f"{path}/{key}" not in keys), None)
    return (
        "" if first is None else f"chunks are missing, the first of them {path}/{first}"
    )


def chunk_keys(metadata: Mapping[str, Any]) -> Iterator[str]:
    """Give the keys of the chunks that an array has, in the order of their places."""
    counts, key = chunk_layout(metadata)
    yield from map(key, product(*map(range, counts)))


def find_table_faults(records: Sequence[Record], ids: Sequence[str]) -> list[Fault]:
    """Find where the table of products and the vignettes do not belong together."""
    faults = []
    if "" in ids:
        faults.append(Fault("vignette_id", f"row {ids.index('')} has none"))
    row = 0
    for record in records:
        if not record.product or record.rows < 0:
            faults.append(Fault(UNITS, "a product without name or number of rows"))
            break
        if record.rows and record.first_row != row:
            text = f"{record.product} begins at row {record.first_row}, not {row}"
            faults.append(Fault(UNITS, text))
            break
        row += record.rows
    else:
        if row != len(ids):
            text = f"it has {row} vignettes, and the archive {len(ids)}"
            faults.append(Fault(UNITS, text))
    return faults


def find_strange(target: str) -> list[Fault]:
    """Find links, pipes and devices inside an archive: what is behind them is not the archive's."""
    if is_url(target) or not Path(target).exists():
        return []
    return [
        Fault(str(entry.relative_to(target)), f"{kind}, which is not read")
        for entry, kind in strange_entries(Path(target))
    ]
