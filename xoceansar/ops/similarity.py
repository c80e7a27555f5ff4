"""Vignettes like a given one: exact search by embedding."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions import EMBEDDING, VIGNETTE, annotate, history_line
from xoceansar.conventions.attributes import attribute_text
from xoceansar.conventions.texts import text_values
from xoceansar.errors import (
    DimensionError,
    MissingVariableError,
    OceansarError,
    WeightsMismatchError,
)
from xoceansar.layout.images import XarrayObject, in_one_chunk
from xoceansar.layout.positions import positions_of
from xoceansar.layout.vignette_dims import along_vignettes, find_dim
from xoceansar.neighbours.nearest import Metric, nearest
from xoceansar.ops.embedding import Model, as_handle, check_embedding, embed

#: Vignettes of the archive, by id or by position; or embeddings; or images.
Query: TypeAlias = str | int | Sequence[str] | Sequence[int] | XarrayObject

QUERY: Final = "query"
NEIGHBOUR: Final = "neighbour"
#: Neighbours of each query: their scores and numbers are in memory.
_MOST_NEIGHBOURS: Final = 1_000_000

_QUERY: Final = (
    "a query is vignettes of the archive, by vignette_id, position or mask; or embeddings; or "
    "images"
)
#: Bytes of the archive that are read at once.
_BLOCK_BYTES: Final = 32 << 20


def similar(
    archive: XarrayObject,
    query: Query,
    n_neighbors: int = 10,
    *,
    metric: Metric = "cosine",
    model: Model = None,
    device: str = "cpu",
) -> xr.Dataset:
    """Find the vignettes of an archive that are most like given ones.

    Parameters
    ----------
    archive : Dataset or DataArray
        ``embedding_vector`` (vignette, embedding).
    query : str, int, sequence of them, mask, Dataset or DataArray
        Vignettes of the archive, by ``vignette_id``, by position, or by True or False for each,
        which are not matches of themselves; embeddings (..., embedding) of the same model; or images, which are embedded.
    n_neighbors : int, default 10
        Neighbours of each query.
    metric : {"cosine", "inner"}
        Score: cosine of the angle between two embeddings, or their inner product.
    model : str or ModelHandle, optional
        What embeds images; the model that the archive names where not given.
    device : str, default "cpu"
        Where products are computed: ``cpu``, ``cuda``, ``cuda:N``, or ``auto``, a GPU where there
        is one. The result is the same.

    Returns
    -------
    Dataset
        ``score`` (query, neighbour), the best first, and ``index``, the position of the match along
        ``vignette``; as coordinates what the archive has along ``vignette``: ``vignette_id``,
        ``time``, ``longitude`` and so on, of the matches; and ``query_id`` where queries have one. What is
        missing has the index -1 and the score NaN: a query without an embedding, or neighbours
        beyond the size of the archive.

    Raises
    ------
    MissingVariableError
        If the archive has no embedding, or no vignette of that id; the message names some it has.
    DimensionError
        If the embeddings are not (vignette, embedding), or their lengths differ.
    WeightsMismatchError
        If the query was embedded by another model than the archive.
    OceansarError
        If `n_neighbors`, `metric` or a position is impossible.

    Notes
    -----
    Exact: what a comparison with every vignette gives; of equal scores the first in the
    archive comes first. Rows without an embedding never match.

    Lazy where the archive or the query is: one task reads the archive once, some 32 MiB at a time.
    Ids of a query are looked up at once. With queries in several chunks there is a
    task for each chunk, and each reads the archive.

    Examples
    --------
    >>> vectors = np.array([[1.0, 0.0], [0.0, 1.0], [0.8, 0.6]], np.float32)
    >>> archive = xr.DataArray(vectors, dims=("vignette", "embedding"))
    >>> similar(archive, 0, n_neighbors=1).index.values
    array([[2]])
    """
    _check_arguments(n_neighbors, metric)
    rows = _embedding_of(archive)
    vectors, own = _query_vectors(rows, query, model)
    if vectors.sizes[EMBEDDING] != rows.sizes[EMBEDDING]:
        raise DimensionError(
            f"the archive has embeddings of length {rows.sizes[EMBEDDING]}, and the query of "
            f"{vectors.sizes[EMBEDDING]}. Embed both with one model."
        )
    score, index = _found(rows, vectors, own, (n_neighbors, metric, device))
    dims = (QUERY, NEIGHBOUR)
    found = xr.Dataset(
        {
            "score": annotate(xr.DataArray(score, dims=dims), "score", metric=metric),
            "index": annotate(xr.DataArray(index, dims=dims), "index"),
        }
    )
    found = found.assign_coords(_of_matches(rows, found["index"]))
    if "vignette_id" in vectors.coords:
        ids = vectors.coords["vignette_id"].variable
        found = found.assign_coords(query_id=annotate(xr.DataArray(ids), "query_id"))
    made = {n: rows.attrs[n] for n in ("model", "weights_sha256") if n in rows.attrs}
    found.attrs = {
        **made,
        "history": history_line(f"{n_neighbors} nearest by {metric}"),
    }
    return found


def _check_arguments(n_neighbors: int, metric: str) -> None:
    if (
        isinstance(n_neighbors, bool)
        or not isinstance(n_neighbors, int | np.integer)
        or n_neighbors < 1
    ):
        raise OceansarError(
            f"n_neighbors must be a whole number of 1 or more; got {n_neighbors!r}."
        )
    if n_neighbors > _MOST_NEIGHBOURS:
        raise OceansarError(
            f"n_neighbors may be {_MOST_NEIGHBOURS} at most; got {n_neighbors}. Sort all scores of a product of "
            "embeddings yourself, where so many are wanted."
        )
    if metric not in ("cosine", "inner"):
        raise OceansarError(f"metric must be 'cosine' or 'inner'; got {metric!r}.")


def _embedding_of(archive: XarrayObject) -> xr.DataArray:
    if isinstance(archive, xr.Dataset) and "embedding_vector" not in archive:
        raise MissingVariableError(
            "an archive with 'embedding_vector' is needed; found the variables "
            f"{sorted(map(str, archive.data_vars))}. Make it with ds.oceansar.embed()."
        )
    rows = archive["embedding_vector"] if isinstance(archive, xr.Dataset) else archive
    if len(rows.dims) == 2 and EMBEDDING in rows.dims and find_dim(rows) in rows.dims:
        rows = along_vignettes(rows)
    if set(rows.dims) != {VIGNETTE, EMBEDDING}:
        raise DimensionError(
            "an archive of embeddings (vignette, embedding) is needed; got the dims "
            f"{rows.dims}."
        )
    return rows.transpose(VIGNETTE, EMBEDDING)


def _query_vectors(
    rows: xr.DataArray, query: Query, model: Model
) -> tuple[xr.DataArray, Array | None]:
    """Return the embeddings (query, embedding) and, of rows of the archive, their positions."""
    if not isinstance(query, xr.Dataset | xr.DataArray) or _names_rows(query):
        own = _positions(rows, query)
        vectors = rows.isel({VIGNETTE: own}).rename({VIGNETTE: QUERY})
        # in one chunk: each chunk of queries reads the archive
        return vectors.chunk() if vectors.chunks is not None else vectors, own
    if isinstance(query, xr.Dataset) and "embedding_vector" in query:
        query = query["embedding_vector"]
    if isinstance(query, xr.DataArray) and EMBEDDING in query.dims:
        vectors = query
        if model is not None:
            vectors = check_embedding(query, as_handle(model))
    else:
        handle = as_handle(
            attribute_text(rows.attrs, "model") if model is None else model
        )
        check_embedding(rows, handle)
        vectors = embed(query, model=handle)
    _check_same_model(rows, vectors)
    leading = [dim for dim in vectors.dims if dim != EMBEDDING]
    if len(leading) > 1:
        raise DimensionError(
            f"queries along one dim are needed; got {tuple(leading)}. Stack them with "
            "da.stack(query=[...])."
        )
    if leading:
        return vectors.rename({leading[0]: QUERY}).transpose(QUERY, EMBEDDING), None
    return vectors.expand_dims(QUERY), None


def _names_rows(query: XarrayObject) -> bool:
    """Whether an array says which vignettes are meant, and holds none itself."""
    is_list = isinstance(query, xr.DataArray) and query.ndim < 2
    return is_list and EMBEDDING not in query.dims


def _check_same_model(rows: xr.DataArray, vectors: xr.DataArray) -> None:
    made = [attribute_text(a.attrs, "weights_sha256") for a in (rows, vectors)]
    if None not in made and made[0] != made[1]:
        raise WeightsMismatchError(
            f"the archive was embedded by model {rows.attrs.get('model')!r} (weights "
            f"{str(made[0])[:12]}) and the query by {vectors.attrs.get('model')!r} "
            f"({str(made[1])[:12]}). Embed the query again with the archive's model."
        )


def _positions(rows: xr.DataArray, query: Any) -> Array:
    def names() -> Array:
        if "vignette_id" not in rows.coords or rows["vignette_id"].dims != (VIGNETTE,):
            raise MissingVariableError(
                "the archive has no coordinate 'vignette_id' along 'vignette' to look up an id. "
                "Give positions, or add the coordinate."
            )
        return text_values(rows.coords["vignette_id"])

    if isinstance(query, list | tuple) and not query:
        raise OceansarError(f"{_QUERY}; got {query!r}.")
    try:
        return positions_of(query, rows.sizes[VIGNETTE], names)
    except MissingVariableError:
        raise
    except OceansarError as error:
        raise OceansarError(f"{_QUERY}; got {query!r}: {error}") from error


class _Archive:
    """Embeddings to be read where the search runs; opaque to Dask, which would load them whole."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def __dask_tokenize__(self) -> Any:
        import dask

        return dask.base.normalize_token(self._data)

    def blocks(self) -> Iterator[Array]:
        import dask

        if not dask.base.is_dask_collection(self._data):
            yield np.asarray(self._data)
            return
        for part in _spans(self._data):
            with dask.config.set(scheduler="synchronous"):
                yield np.asarray(self._data[part].compute())


def _spans(data: Any) -> Iterator[slice]:
    """Whole chunks along the rows, as many as make a block."""
    row = data.dtype.itemsize * data.shape[1]
    start = end = 0
    for size in data.chunks[0]:
        if end > start and (end + size - start) * row > _BLOCK_BYTES:
            yield slice(start, end)
            start = end
        end += size
    if end > start:
        yield slice(start, end)


def _found(
    rows: xr.DataArray,
    vectors: xr.DataArray,
    own: Array | None,
    how: tuple[int, Metric, str],
) -> tuple[Any, Any]:
    archive, data = _Archive(rows.data), vectors.data
    if rows.chunks is None and vectors.chunks is None:
        return _search(np.asarray(data), archive, own, how)
    import dask.array as da
    from dask.delayed import delayed

    lazy = da.asarray(data).rechunk({1: -1})  # type: ignore[no-untyped-call]
    search = delayed(_search, nout=2, pure=True)
    parts: list[list[Any]] = [[], []]
    start = 0
    for block, size in zip(lazy.to_delayed()[:, 0], lazy.chunks[0], strict=True):
        some = None if own is None else own[start : start + size]
        results = search(block, archive, some, how)
        for part, result, dtype in zip(
            parts, results, (np.float32, np.int64), strict=True
        ):
            part.append(da.from_delayed(result, (size, how[0]), dtype=dtype))  # type: ignore[no-untyped-call]
        start += size
    return da.concatenate(parts[0]), da.concatenate(parts[1])  # type: ignore[no-untyped-call]


def _search(
    vectors: Array, archive: _Archive, own: Array | None, how: tuple[int, Metric, str]
) -> tuple[Array, Array]:
    """Search with one block of queries; a module-level name for Dask to call."""
    k, metric, device = how
    return nearest(
        vectors, archive.blocks(), k, metric=metric, without=own, device=device
    )


def _of_matches(rows: xr.DataArray, index: xr.DataArray) -> dict[str, xr.DataArray]:
    """Take the coordinates of the matches."""
    taken = {}
    for name, coordinate in rows.coords.items():
        if coordinate.dims != (VIGNETTE,) or name == VIGNETTE:
            continue
        values = coordinate.reset_coords(drop=True)
        if values.dtype.kind in "biu":
            values = values.astype(np.float64)  # so that a missing match has no value
        if not values.size:
            # and no match: Dask applies nothing along a dim of length 0
            none = np.full(index.shape, -1)
            taken[str(name)] = xr.DataArray(
                _take(none, values.values), dims=index.dims, attrs=coordinate.attrs
            )
            continue
        if index.chunks is not None:
            values = values.chunk({VIGNETTE: -1})  # Dask cannot divide texts by itself
        matched: xr.DataArray = xr.apply_ufunc(
            _take,
            index,
            in_one_chunk(values, [VIGNETTE]),
            input_core_dims=[[], [VIGNETTE]],
            dask="parallelized",
            output_dtypes=[values.dtype],
        )
        matched.attrs = dict(coordinate.attrs)
        taken[str(name)] = matched.drop_vars(list(matched.coords))
    return taken


def _take(index: Array, values: Array) -> Array:
    """Take values, missing where the index is -1."""
    none: dict[str, Any] = {
        "M": np.datetime64("NaT"),
        "m": np.timedelta64("NaT"),
        "f": np.nan,
        "c": np.nan,
    }
    filled = np.full(index.shape, none.get(values.dtype.kind, ""), values.dtype)
    there = index >= 0
    filled[there] = values[index[there]]
    return filled
