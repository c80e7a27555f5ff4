"""`explore`: a page in the browser on an archive, and what is selected there."""

import webbrowser
from collections.abc import Sequence
from html import escape
from pathlib import Path
from threading import Lock
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from xoceansar._paths import is_url
from xoceansar._typing import Array
from xoceansar.conventions import EMBEDDING, OCEAN_CLASSES, VIGNETTE
from xoceansar.conventions.texts import text_values
from xoceansar.errors import (
    LabelError,
    MissingVariableError,
    OceansarError,
    ProductError,
)
from xoceansar.exploring.kept_embeddings import KeptEmbeddings
from xoceansar.exploring.page_server import LOOPBACK, PageServer
from xoceansar.exploring.plane import plane_of
from xoceansar.exploring.vignette_columns import Table, read_table
from xoceansar.exploring.vignette_pictures import Pictures, products_of
from xoceansar.io.archive.zarr_archive import open_archive
from xoceansar.labelling.label_file import SUFFIX, Labels, open_labels
from xoceansar.labelling.suggestions import next_to_label
from xoceansar.layout.images import XarrayObject
from xoceansar.layout.vignette_dims import along_vignettes
from xoceansar.plot.style import provenance, sentence

#: Neighbours that are shown.
NEIGHBOURS: Final = 12
#: Keys that give a class.
_KEYS: Final = 10
#: Vignettes among which the next to label is chosen.
_CANDIDATES: Final = 4000


def explore(
    archive: str | Path | XarrayObject,
    *,
    images: xr.Dataset | None = None,
    labels: str | Path | Labels | None = None,
    classes: Sequence[str] = OCEAN_CLASSES,
    host: str = LOOPBACK,
    port: int = 0,
    browser: bool = False,
) -> "Explorer":
    """Open a page in the browser on an archive, or on what was retrieved.

    Parameters
    ----------
    archive : str, Path, Dataset or DataArray
        An archive; or results along ``vignette`` with longitude and latitude, such as those of
        ``.oceansar.retrieve()``.
    images : Dataset, optional
        Images of the same vignettes, matched by ``vignette_id``, where `archive` keeps none. The
        images of an archive's products are read from these, as long as they are there.
    labels : str, Path or Labels, optional
        Where labels are kept: beside the archive where not given. Of a Dataset, no label can be
        given without it.
    classes : sequence of str
        What the keys 0 to 9 say; the ten ocean classes where not given.
    host : str
        Address that the server listens at. Only this machine reaches the default; with another one,
        such as ``"0.0.0.0"``, everyone who knows the address with its secret does.
    port : int
        Of the server; any that is free where not given.
    browser : bool
        Whether to open the page in the browser of this machine.

    Returns
    -------
    Explorer
        ``url`` of the page, ``selection`` as a Dataset, ``close()``. In a notebook it shows the page.

    Raises
    ------
    MissingVariableError
        If there is no longitude and latitude of each vignette.
    ProductError
        If the archive cannot be opened.
    OceansarError
        If the classes are more than ten, or the port is in use.

    Notes
    -----
    Lazy results are computed first, but for images, embeddings and spectra. Nothing is requested from
    another machine, and nothing that comes from files is run as part of the page.

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(8, seed=1, shape=(64, 64))
    >>> with xos.explore(sea, labels="sea.labels.jsonl") as explorer:
    ...     explorer.select([1, 3])
    ...     explorer.selection.sizes["vignette"]
    2
    2
    """
    made = Explorer(archive, images=images, labels=labels, classes=classes)
    made.start(host, port)
    if browser:
        webbrowser.open(made.url)
    return made


class Explorer:
    """A page in the browser on an archive; made by `explore`.

    Parameters
    ----------
    archive, images, labels, classes
        As of `explore`.

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(8, seed=1, shape=(64, 64))
    >>> with xos.explore(sea) as explorer:
    ...     explorer.url.startswith("http://127.0.0.1:")
    True
    """

    def __init__(
        self,
        archive: str | Path | XarrayObject,
        *,
        images: xr.Dataset | None = None,
        labels: str | Path | Labels | None = None,
        classes: Sequence[str] = OCEAN_CLASSES,
    ) -> None:
        self.classes = _checked(classes)
        self.title = "results"
        products = None
        if isinstance(archive, str | Path):
            self.title = str(archive)
            ds = open_archive(archive)
            products = _products(archive)
            labels = _beside(archive) if labels is None else labels
        else:
            ds = _as_dataset(archive)
        self.dataset: xr.Dataset = along_vignettes(ds)
        self.table: Table = read_table(self.dataset)
        if not len(self.table):
            raise OceansarError(
                f"{self.title} has no vignettes, so there is none to show."
            )
        self.pictures = Pictures(
            self.dataset, products, images, _places(images, self.table)
        )
        self.labels: Labels | None = (
            labels
            if isinstance(labels, Labels) or labels is None
            else open_labels(labels)
        )
        self._rows: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self._kept: KeptEmbeddings | None = None
        self._plane: npt.NDArray[np.float32] | None = None
        self._lock, self._plane_lock = Lock(), Lock()
        self._server: PageServer | None = None

    # ------------------------------------------------------------- for people

    @property
    def url(self) -> str:
        """Address of the page, with its secret."""
        return "" if self._server is None else self._server.url

    @property
    def selection(self) -> xr.Dataset:
        """What is selected in the page, as a Dataset; lazy where the archive is."""
        return self.dataset.isel({VIGNETTE: self._rows})

    def select(self, rows: Array | Sequence[int]) -> int:
        """Select vignettes, as the page does.

        Parameters
        ----------
        rows : sequence of int
            Positions.

        Returns
        -------
        int
            How many are selected.

        Raises
        ------
        OceansarError
            If one of them is none.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(4, seed=1, shape=(64, 64))
        >>> with xos.explore(sea) as explorer:
        ...     explorer.select([0])
        1
        """
        chosen = np.unique(np.asarray(rows, np.int64))
        if chosen.size and not (chosen[0] >= 0 and chosen[-1] < len(self.table)):
            raise OceansarError(
                f"positions from 0 to {len(self.table) - 1} are there; got {chosen[[0, -1]].tolist()}."
            )
        self._rows = chosen
        return len(chosen)

    def start(self, host: str = LOOPBACK, port: int = 0) -> None:
        """Serve the page, unless it is served.

        Parameters
        ----------
        host, port
            As of `explore`.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(4, seed=1, shape=(64, 64))
        >>> explorer = xos.explore(sea)
        >>> explorer.close()
        >>> explorer.start()
        >>> explorer.close()
        """
        if self._server is None:
            self._server = PageServer(self, host, port)

    def close(self) -> None:
        """End the server; the selection stays.

        Examples
        --------
        >>> import xoceansar as xos
        >>> xos.explore(xos.simulate.vignettes(1, seed=1, shape=(64, 64))).close()
        """
        if self._server is not None:
            self._server.close()
            self._server = None

    def __enter__(self) -> Self:
        """Return the explorer, which the end of the block closes."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the page."""
        self.close()

    def __repr__(self) -> str:
        """Say where the page is."""
        where = self.url or "closed"
        return (
            f"<Explorer of {self.title}: {len(self.table):,} vignettes, "
            f"{len(self._rows):,} selected, {where}>"
        )

    def _repr_html_(self) -> str:
        if not self.url:
            return f"<p>{escape(repr(self))}</p>"
        address = escape(self.url, quote=True)
        return (
            f'<iframe src="{address}" style="width:100%;height:720px;border:1px solid #ccc"></iframe>'
            f'<p><a href="{address}" target="_blank">Open in a tab of its own</a></p>'
        )

    # ------------------------------------------------------------ for the page

    def about(self) -> dict[str, Any]:
        """Describe the archive for the page, as JSON values."""
        variables = [variable.attrs for variable in self.dataset.data_vars.values()]
        cautions = [provenance(self.dataset.attrs, *variables)]
        return {
            "title": self.title,
            "count": len(self.table),
            "columns": [column.about() for column in self.table.columns],
            "classes": list(self.classes),
            "labels": self.labels is not None and bool(len(self.table.ids)),
            "embeddings": self.has_embeddings,
            "pictures": self.pictures.available,
            "spectra": self.pictures.has_spectra,
            "cautions": [f"{words}." for words in cautions if words],
            "left_out": self.table.left_out,
        }

    @property
    def has_embeddings(self) -> bool:
        """Whether neighbours can be told."""
        embedding = self.dataset.get("embedding_vector")
        return embedding is not None and set(embedding.dims) == {VIGNETTE, EMBEDDING}

    def kept(self) -> KeptEmbeddings:
        """Return the embeddings; the first call begins to read them."""
        with self._lock:
            if not self.has_embeddings:
                raise MissingVariableError(
                    "there are no embeddings. Keep them: process(..., outputs=[..., 'embedding']), or "
                    "result.assign(embedding_vector=ds.oceansar.embed())."
                )
            if self._kept is None:
                self._kept = KeptEmbeddings(self.dataset["embedding_vector"])
            return self._kept

    def plane(self) -> npt.NDArray[np.float32]:
        """Return the view of the embeddings in two dimensions, which is made once."""
        kept = self.kept()
        with self._plane_lock:
            if self._plane is None:
                self._plane = plane_of(kept)
            return self._plane

    def vignette(self, row: int) -> dict[str, Any]:
        """Say what is known of a vignette, as JSON values."""
        facts, within = [], {c.name: c for c in self.table.columns}
        for column in self.table.columns:
            if (
                column.name.endswith(("_lower", "_upper"))
                and column.name[:-6] in within
            ):
                continue
            ends = [within.get(f"{column.name}_{end}") for end in ("lower", "upper")]
            facts.append([column.label, *_said(column, ends, row)])
        return {
            "row": row,
            "id": self.table.vignette_id(row),
            "place": [float(v) if np.isfinite(v) else None for v in (self.table.longitude[row], self.table.latitude[row])],
            "facts": facts,
        }  # fmt: skip

    def neighbours(self, row: int) -> list[dict[str, Any]]:
        """Name the vignettes that are most like one, as JSON values."""
        score, index = self.kept().like(row, NEIGHBOURS)
        return [
            {"row": int(i), "score": float(s), "id": self.table.vignette_id(int(i))}
            for i, s in zip(index, score, strict=True)
        ]

    def label(self, rows: Sequence[int], label: str | None) -> int:
        """Give vignettes a label, or take it back; return how many have one now."""
        labels = self._labels()
        for row in rows:
            name = self.table.vignette_id(row)
            if label is None:
                labels.remove(name)
            else:
                labels.add(name, label)
        return len(labels)

    def labelled(self) -> list[list[Any]]:
        """Return rows and their labels."""
        if self.labels is None or not len(self.table.ids):
            return []
        latest = self.labels.latest()
        if not latest:
            return []
        rows = self.table.rows_of(latest)
        return [[row, latest[self.table.vignette_id(row)]] for row in rows]

    def next_row(self) -> int | None:
        """Suggest which vignette to label next."""
        labels, kept = self._labels(), self.kept()
        done = dict(self.labelled())
        rng = np.random.default_rng(len(done))
        n = len(self.table)
        some = np.arange(n) if n <= _CANDIDATES else rng.choice(n, _CANDIDATES, False)
        rows = np.union1d(some, np.array(list(done), np.int64))
        ids = [self.table.vignette_id(int(row)) for row in rows]
        data = xr.DataArray(
            kept.vectors(rows), {"vignette_id": (VIGNETTE, ids)}, (VIGNETTE, EMBEDDING)
        )
        names = next_to_label(data, labels.latest(), 1)
        return int(rows[ids.index(names[0])]) if names else None

    def _labels(self) -> Labels:
        if self.labels is None:
            raise LabelError(
                "no place for labels was given. Say xoceansar.explore(result, "
                "labels='result.labels.jsonl')."
            )
        if not len(self.table.ids):
            raise MissingVariableError(
                "labels name vignettes by 'vignette_id', and there is none. Add it with "
                "ds.assign_coords(vignette_id=('vignette', names))."
            )
        return self.labels


def _checked(classes: Sequence[str]) -> tuple[str, ...]:
    names = (classes,) if isinstance(classes, str) else tuple(map(str, classes))
    if not 1 <= len(names) <= _KEYS or len(set(names)) < len(names):
        raise OceansarError(
            f"classes are one to ten different names, for the keys 0 to 9; got {list(names)}."
        )
    return names


def _beside(archive: str | Path) -> str | None:
    """Where the labels of an archive lie; nowhere, where it is a URL."""
    return None if is_url(str(archive)) else f"{str(archive).rstrip('/')}{SUFFIX}"


def _as_dataset(obj: XarrayObject) -> xr.Dataset:
    if isinstance(obj, xr.Dataset):
        return obj
    if isinstance(obj, xr.DataArray):
        return obj.to_dataset(name=obj.name or "values")
    raise OceansarError(
        "an archive by its path, or a Dataset or DataArray with vignettes is needed; got "
        f"{type(obj).__name__}."
    )


def _products(archive: str | Path) -> tuple[Any, Any, Any] | None:
    try:
        return products_of(open_archive(archive, group="units"))
    except ProductError:
        return None  # a store of results has no table of products


def _places(images: xr.Dataset | None, table: Table) -> npt.NDArray[np.int64] | None:
    """Find the image of each vignette; -1 for none."""
    if images is None:
        return None
    if "vignette_id" not in images.variables or not len(table.ids):
        raise MissingVariableError(
            "images are matched by 'vignette_id', which both must have for each vignette."
        )
    names = pd.Index(text_values(images["vignette_id"]))
    found = names.get_indexer(pd.Index(text_values(table.ids)))
    return np.asarray(found, np.int64)


def _said(column: Any, ends: list[Any], row: int) -> list[Any]:
    """Say a value, and whether it calls for caution."""
    value = float(column.values[row])
    if not np.isfinite(value):
        return ["missing", False]
    if column.kind == "flags":
        raised = [
            w for i, (w, _) in enumerate(column.categories) if int(value) >> i & 1
        ]
        return [sentence("; ".join(raised)) or "nothing to report", bool(raised)]
    if column.kind == "category":
        return [column.categories[int(value)][0].replace("_", " "), False]
    if column.kind == "time":
        moment = np.datetime64(round(value * 86_400_000), "ms")
        return [str(moment)[:19].replace("T", " ") + " UTC", False]
    limits = [float(end.values[row]) for end in ends if end is not None]
    if len(limits) == 2 and np.isfinite(limits).all():
        return [f"{value:.4g}  [{limits[0]:.4g}, {limits[1]:.4g}]", False]
    return [f"{value:.4g}", False]
