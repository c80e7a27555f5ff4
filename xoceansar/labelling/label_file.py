"""Labels of vignettes in a file beside an archive: a line for each, which nothing rewrites."""

import getpass
import json
import os
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import xarray as xr

from xoceansar._html import card
from xoceansar._paths import check_regular, local_target, read_regular
from xoceansar._typing import Array
from xoceansar.conventions import OCEAN_CLASS, VIGNETTE
from xoceansar.errors import LabelError, warn

if TYPE_CHECKING:
    from xoceansar.layout.images import XarrayObject

#: What comes behind the name of an archive.
SUFFIX: Final = ".labels.jsonl"
#: A class as CF's flag_meanings hold it; a vignette_id.
_NAME: Final = re.compile(r"[A-Za-z0-9_.+@-]{1,100}")
_LONGEST_ID: Final = 1000
#: Bytes of a file of labels: ten million of them.
_LARGEST: Final = 2**31
_COLUMNS: Final = ("vignette_id", "label", "who", "time")


def open_labels(target: str | Path) -> "Labels":
    """Open the labels that people gave the vignettes of an archive.

    Parameters
    ----------
    target : str or Path
        An archive, whose labels lie in ``NAME.labels.jsonl`` beside it; or such a file.

    Returns
    -------
    Labels
        Empty where nothing was labelled yet; the file is made with the first label.

    Raises
    ------
    PathError
        If it is a URL: labels are kept in a local file.
    LabelError
        If what is there is no regular file.

    Examples
    --------
    >>> import xoceansar as xos
    >>> labels = xos.open_labels("archive.zarr")
    >>> labels.add("s1a-wv1-slc-vv-20210403t083025", "sea_ice", who="mh")
    >>> labels.latest()
    {'s1a-wv1-slc-vv-20210403t083025': 'sea_ice'}
    """
    path = local_target(target, "a file of labels").absolute()
    if path.suffix != ".jsonl":
        path = path.with_name(path.name + SUFFIX)
    if path.exists() or path.is_symlink():
        check_regular(path, error=LabelError)
    return Labels(path)


class Labels:
    """Labels of vignettes, with who gave each and when; made by `open_labels`.

    The last label of a vignette counts. Nothing is ever rewritten: a label that is taken back is a
    line more. Each line is on the disc before `add` returns, so that no crash loses one.

    Parameters
    ----------
    path : Path
        The file.

    Examples
    --------
    >>> import xoceansar as xos
    >>> labels = xos.open_labels("archive.zarr")
    >>> labels.add("a", "sea_ice")
    >>> labels.add("a", "icebergs")
    >>> labels.remove("a")
    >>> len(labels), len(labels.table())
    (0, 3)
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, vignette_id: str, label: str, *, who: str | None = None) -> None:
        """Give a vignette a label.

        Parameters
        ----------
        vignette_id : str
            Of the vignette.
        label : str
            Name of a class, one word as ``pure_ocean_waves``.
        who : str, optional
            Who says so; the name of the account where not given.

        Raises
        ------
        LabelError
            If the label is no name, or cannot be written.

        Examples
        --------
        >>> import xoceansar as xos
        >>> xos.open_labels("archive.zarr").add("a", "sea_ice")
        """
        if not isinstance(label, str) or not _NAME.fullmatch(label):
            raise LabelError(
                "a label is the name of a class in letters, digits and _.+@-, such as 'sea_ice'; "
                f"got {label!r:.120}."
            )
        self._append(vignette_id, label, who)

    def remove(self, vignette_id: str, *, who: str | None = None) -> None:
        """Take the label of a vignette back.

        Parameters
        ----------
        vignette_id : str
            Of the vignette.
        who : str, optional
            Who says so; the name of the account where not given.

        Examples
        --------
        >>> import xoceansar as xos
        >>> xos.open_labels("archive.zarr").remove("a")
        """
        self._append(vignette_id, None, who)

    def table(self) -> pd.DataFrame:
        """Read all labels, those too that later ones replaced.

        Returns
        -------
        DataFrame
            ``vignette_id``, ``label`` (missing where it was taken back), ``who`` and ``time`` (UTC),
            in the order in which they were given.

        Examples
        --------
        >>> import xoceansar as xos
        >>> list(xos.open_labels("archive.zarr").table())
        ['vignette_id', 'label', 'who', 'time']
        """
        frame = pd.DataFrame(self._records(), columns=list(_COLUMNS), dtype=object)
        times = pd.to_datetime(
            frame["time"], errors="coerce", utc=True, format="ISO8601"
        )
        return frame.assign(time=times)

    def latest(self) -> dict[str, str]:
        """Read the label that each vignette has now.

        Returns
        -------
        dict of str to str
            By ``vignette_id``, in the order in which they were given.

        Examples
        --------
        >>> import xoceansar as xos
        >>> xos.open_labels("archive.zarr").latest()
        {}
        """
        found: dict[str, str] = {}
        for record in self._records():
            found.pop(record["vignette_id"], None)
            if record["label"] is not None:
                found[record["vignette_id"]] = record["label"]
        return found

    def truth(self) -> xr.DataArray:
        """Give the labels as a truth that `xoceansar.train.fit` learns from.

        Returns
        -------
        DataArray
            ``ocean_class`` (vignette) as texts, with the coordinate ``vignette_id``.

        Raises
        ------
        LabelError
            If there are none.

        Examples
        --------
        >>> import xoceansar as xos
        >>> labels = xos.open_labels("archive.zarr")
        >>> labels.add("a", "sea_ice")
        >>> labels.truth().values
        array(['sea_ice'], dtype='<U7')
        """
        latest = self.latest()
        if not latest:
            raise LabelError(
                f"{self.path} has no labels yet. Give some: xoceansar.explore(archive), or "
                "labels.add(vignette_id, 'sea_ice')."
            )
        ids = {"vignette_id": (VIGNETTE, list(latest))}
        return xr.DataArray(list(latest.values()), ids, [VIGNETTE], name=OCEAN_CLASS)

    def suggest(
        self, archive: "XarrayObject", n: int = 1, *, seed: int = 0
    ) -> list[str]:
        """Say which vignettes to label next.

        Parameters
        ----------
        archive : Dataset or DataArray
            ``embedding_vector`` (vignette, embedding) with the coordinate ``vignette_id``.
        n : int
            How many.
        seed : int
            Decides which vignettes of a large archive are candidates.

        Returns
        -------
        list of str
            Their ``vignette_id``, the most telling first; fewer where fewer are left.

        Notes
        -----
        As `xoceansar.labelling.suggestions` describes: first what is far from all that has a label,
        then more and more what the labels leave undecided.

        Examples
        --------
        >>> import numpy as np, xarray as xr, xoceansar as xos
        >>> vectors = xr.DataArray(
        ...     np.eye(3, dtype=np.float32),
        ...     dims=("vignette", "embedding"),
        ...     coords={"vignette_id": ("vignette", ["a", "b", "c"])},
        ... )
        >>> labels = xos.open_labels("archive.zarr")
        >>> labels.add("a", "sea_ice")
        >>> sorted(labels.suggest(vectors, 2))
        ['b', 'c']
        """
        from xoceansar.labelling.suggestions import next_to_label

        return next_to_label(archive, self.latest(), n, seed=seed)

    def _append(self, vignette_id: str, label: str | None, who: str | None) -> None:
        if not isinstance(vignette_id, str) or not 0 < len(vignette_id) <= _LONGEST_ID:
            raise LabelError(
                f"a vignette is labelled by its vignette_id, a text; got {vignette_id!r:.120}."
            )
        record = {
            "vignette_id": vignette_id,
            "label": label,
            "who": _account() if who is None else str(who),
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        line = json.dumps(record, ensure_ascii=True).encode() + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._write(line)
        except OSError as error:
            raise LabelError(
                f"the label cannot be written to {self.path} ({error.strerror or error}). Make room "
                "there, or the right to write."
            ) from error

    def _write(self, line: bytes) -> None:
        """Append a line in one write, behind the end of any that a crash cut short."""
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        descriptor = os.open(self.path, flags | getattr(os, "O_BINARY", 0), 0o666)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            end = file.seek(0, os.SEEK_END)
            if end:
                file.seek(end - 1)
                line = line if file.read(1) == b"\n" else b"\n" + line
            written = file.write(line)
            os.fsync(file.fileno())
        if written != len(line):
            raise OSError(0, "no room is left")

    def _records(self) -> Iterator[dict[str, Any]]:
        if not self.path.exists():
            return
        content = read_regular(self.path, most=_LARGEST, error=LabelError)
        strange = 0
        for line in content.split(b"\n"):
            if not line.strip():
                continue
            record = _record(line)
            if record is None:
                strange += 1
                continue
            yield record
        if strange:
            warn(
                f"{strange} lines of {self.path} are no whole labels, as a crash leaves them, and "
                "are left out."
            )

    def __len__(self) -> int:
        """Count the vignettes that have a label."""
        return len(self.latest())

    def __repr__(self) -> str:
        counts = pd.Series(list(self.latest().values()), dtype=object).value_counts()
        lines = [f"<Labels {self.path}>"]
        lines += [f"  {name}: {n}" for name, n in counts.items()]
        return "\n".join(lines if len(counts) else [*lines, "  none yet"])

    def _repr_html_(self) -> str:
        return card(repr(self))


def label_codes(latest: dict[str, str], ids: Sequence[str]) -> tuple[list[str], Array]:
    """Return the classes of labels, and the place of each vignette's label in them; -1 for none."""
    names = sorted(set(latest.values()))
    place = {name: i for i, name in enumerate(names)}
    label = pd.Series(latest, dtype=object).map(place)
    codes = label.reindex(pd.Index(ids, dtype=object)).fillna(-1).to_numpy(int)
    return names, codes


def _record(line: bytes) -> dict[str, Any] | None:
    """Read a line; None where it is no whole label."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or not isinstance(record.get("vignette_id"), str):
        return None
    label = record.get("label", 0)
    good = label is None or (isinstance(label, str) and _NAME.fullmatch(label))
    if not good:
        return None
    return {
        **dict.fromkeys(_COLUMNS),
        **{k: record[k] for k in _COLUMNS if k in record},
    }


def _account() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"
