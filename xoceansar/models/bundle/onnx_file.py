"""Open an ONNX file of anyone: what it says is checked before anything of it runs."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from xoceansar._paths import local_path, read_regular
from xoceansar.conventions import VARIABLES
from xoceansar.errors import BundleError
from xoceansar.models.inference.onnx_session import read_session
from xoceansar.models.spec.onnx_spec import NamedArray, OnnxNetwork

__all__ = ["open_onnx"]

#: One list for a graph with one input, or a list for each input by its name.
Features: TypeAlias = Sequence[str] | Mapping[str, Sequence[str]]

#: Bytes of a file of scales.
_LARGEST_SCALER: Final = 2**22


def open_onnx(
    path: str | Path,
    *,
    inputs: Features | None = None,
    outputs: Mapping[str, str | Sequence[str]],
    units: Mapping[str, str] | None = None,
    domain: Mapping[str, tuple[float, float]] | None = None,
    scaler: str | Path | None = None,
) -> OnnxNetwork:
    """Open a network that others trained and published as an ONNX file.

    Parameters
    ----------
    path : str or Path
        The file, of at most 512 MB, with the operators of ONNX alone and its weights inside.
    inputs : sequence of str, or mapping of str to sequence of str
        Variables in the order in which the network takes them; for a graph with several inputs, a
        list for each by its name. A variable with dims of its own names them in the network's order, the
        last one fastest: ``"cwave_params[k_gp, phi_hf]"``. The names of the scaler where not given.
    outputs : mapping of str to str or sequence of str
        Which outputs of the graph are wanted, and the variable that each is: ``{"pred": "swh"}``; a
        list names the columns of one, ``"hs_pdf[hs_bin]"`` the dim of many.
    units : mapping of str to str, optional
        Units of variables: those that an input must have, as its attribute spells them, and those of an
        output whose name ``xoceansar.conventions.VARIABLES`` does not know.
    domain : mapping of str to tuple of float, optional
        Least and greatest value of a feature in the training set: others are flagged.
    scaler : str or Path, optional
        JSON file with ``features_names_order``, ``data_min`` and ``data_max``, as ESA's networks come
        with: features are scaled to its ``scaler_range``, 0..1, and flagged beyond it.

    Returns
    -------
    OnnxNetwork
        For ``ds.oceansar.predict(network)``.

    Raises
    ------
    BundleError
        If the file is no ONNX file, too large, needs other files or operators of its own, does not run, or
        does not have the inputs and outputs that are named.
    MissingDependencyError
        If onnx or onnxruntime is not installed: ``pip install '.[onnx]'``.

    Notes
    -----
    Reads the file and runs it once on one row of made-up numbers, for the shapes of its outputs.
    Runs on the processor, on one thread for each block.

    Examples
    --------
    >>> import xoceansar as xos
    >>> network = xos.open_onnx(  # doctest: +SKIP
    ...     "hs.onnx",
    ...     inputs=["cwave_params[k_gp, phi_hf]", "sigma0_filt", "azimuth_cutoff"],
    ...     outputs={"pred": "swh"},
    ...     domain={"azimuth_cutoff": (50, 800)},
    ... )
    """
    session, sha256 = read_session(path)
    where = Path(local_path(path)).resolve()
    known = dict(units or {})
    columns, low, high = _read_scaler(scaler) if scaler is not None else ((), (), ())
    features = _features(inputs if inputs is not None else columns, session, where.name)
    wanted = _wanted(outputs, session, known, where.name)
    graph = {one.name: tuple(one.shape) for one in session.get_inputs()}
    batch = _batch(graph, where.name)
    shapes = _try(session, graph, list(wanted), batch, where.name)
    stated = _stated(domain or {}, features)
    if scaler is not None:
        if stated or len(features) > 1:
            raise BundleError(
                "a scaler is of one list of inputs, and says their domain itself. Leave out domain=."
            )
        stated = (("*", low, high),)
    return OnnxNetwork(
        name=where.name,
        path=str(where),
        sha256=sha256,
        inputs=tuple((n, _free(graph[n]), features[n]) for n in graph),
        outputs=tuple(
            (n, shape, _fitted(variables, shape, n))
            for (n, variables), shape in zip(wanted.items(), shapes, strict=True)
        ),
        batch=batch,
        units=tuple(known.items()),
        domain=stated,
        scale=scaler is not None,
    )


def _free(shape: tuple[Any, ...]) -> tuple[int | None, ...]:
    """Shape for one vignette; None where the graph leaves it open."""
    return tuple(n if isinstance(n, int) else None for n in shape[1:])


def _features(
    inputs: Features, session: Any, name: str
) -> dict[str, tuple[NamedArray, ...]]:
    graph = [one.name for one in session.get_inputs()]
    if isinstance(inputs, str):
        raise BundleError(f"inputs must be a list of names; got {inputs!r}.")
    listed = dict(inputs) if isinstance(inputs, Mapping) else {graph[0]: inputs}
    if set(listed) != set(graph):
        raise BundleError(
            f"{name} takes {graph}; inputs names {list(listed)}. Give a list for each: "
            f"inputs={{{', '.join(f'{n!r}: [...]' for n in graph)}}}."
        )
    found = {n: tuple(NamedArray.of(text) for text in listed[n]) for n in graph}
    for one in session.get_inputs():
        if one.type not in ("tensor(float)", "tensor(double)"):
            raise BundleError(
                f"input {one.name!r} of {name} is {one.type}; features are tensor(float) or "
                "tensor(double). Export the network with such inputs."
            )
        shape, features = _free(tuple(one.shape)), found[one.name]
        if not features:
            raise BundleError(
                f"input {one.name!r} of {name} needs one feature or more."
            )
        if len(shape) != 1 and (len(features), len(features[0].dims)) != (
            1,
            len(shape),
        ):
            raise BundleError(
                f"input {one.name!r} of {name} has the shape {shape} for each vignette: it takes one "
                f"variable with {len(shape)} dims, as 'spectrum[direction, wavenumber]'; got "
                f"{[str(f) for f in features]}."
            )
    return found


def _wanted(
    outputs: Mapping[str, str | Sequence[str]],
    session: Any,
    units: Mapping[str, str],
    name: str,
) -> dict[str, tuple[NamedArray, ...]]:
    graph = [one.name for one in session.get_outputs()]
    absent = [n for n in outputs if n not in graph]
    if absent or not outputs:
        raise BundleError(f"{name} gives {graph}; outputs names {list(outputs)}.")
    wanted = {
        n: tuple(NamedArray.of(t) for t in ([v] if isinstance(v, str) else v))
        for n, v in outputs.items()
    }
    names = [one.name for variables in wanted.values() for one in variables]
    twice = sorted({n for n in names if names.count(n) > 1})
    without = [n for n in names if n not in VARIABLES and n not in units]
    if twice or without:
        raise BundleError(
            f"outputs gives the variables {twice} twice."
            if twice
            else f"the outputs {without} have no units: xoceansar.conventions.VARIABLES does not know "
            f"them. Say them: units={{{without[0]!r}: 'm'}}, or '1'."
        )
    return wanted


def _batch(graph: Mapping[str, tuple[Any, ...]], name: str) -> int | None:
    first = {s[0] if s and isinstance(s[0], int) else None for s in graph.values()}
    if len(first) > 1 or any(not shape for shape in graph.values()):
        raise BundleError(
            f"the inputs of {name} must begin with the vignettes; their shapes are {dict(graph)}."
        )
    return first.pop()


def _try(
    session: Any,
    graph: Mapping[str, tuple[Any, ...]],
    wanted: list[str],
    batch: int | None,
    name: str,
) -> list[tuple[int, ...]]:
    """Run a network on ones, and return the shapes of its outputs for one vignette."""
    types = {one.name: one.type for one in session.get_inputs()}
    rows = batch or 1
    given = {
        n: np.ones(
            (rows, *(k if isinstance(k, int) else 1 for k in shape[1:])),
            np.float64 if types[n] == "tensor(double)" else np.float32,
        )
        for n, shape in graph.items()
    }
    try:
        out = session.run(wanted, given)
    except Exception as error:  # whatever onnxruntime raises, of its own classes
        raise BundleError(
            f"{name} does not run on ones of its own shapes, {dict(graph)}: {error}"
        ) from error
    for n, array in zip(wanted, out, strict=True):
        if np.ndim(array) == 0 or len(array) != rows or array.dtype.kind not in "fiu":
            raise BundleError(
                f"output {n!r} of {name} is {np.asarray(array).dtype} of shape {np.shape(array)} for "
                f"{rows} vignette(s): it must be numbers that begin with the vignettes."
            )
    return [tuple(array.shape[1:]) for array in out]


def _fitted(
    variables: tuple[NamedArray, ...], shape: tuple[int, ...], output: str
) -> tuple[NamedArray, ...]:
    """Check that variables are what an output can be."""
    one = variables[0]
    size = int(np.prod(shape, dtype=int))
    if len(variables) == 1 and (
        len(one.dims) == len(shape) or (not one.dims and size == 1)
    ):
        return variables
    if (
        len(variables) > 1
        and shape == (len(variables),)
        and not any(v.dims for v in variables)
    ):
        return variables
    raise BundleError(
        f"output {output!r} has the shape {shape} for each vignette, and is to be "
        f"{[str(v) for v in variables]}. Name each of its columns, outputs={{{output!r}: ['swh', ...]}}, or "
        f"its dims, outputs={{{output!r}: '{one.name}[{', '.join(f'dim{i}' for i in range(len(shape)))}]'}}."
    )


def _stated(
    domain: Mapping[str, tuple[float, float]],
    features: Mapping[str, tuple[NamedArray, ...]],
) -> tuple[tuple[str, tuple[float, ...], tuple[float, ...]], ...]:
    known = {one.name for group in features.values() for one in group}
    stated = []
    for name, ends in domain.items():
        low, high = (float(end) for end in ends)
        if name not in known or not low < high:
            raise BundleError(
                f"domain must be (least, greatest) of features among {sorted(known)}; got "
                f"{name!r}: {tuple(ends)}."
            )
        stated.append((name, (low,), (high,)))
    return tuple(stated)


def _read_scaler(
    path: str | Path,
) -> tuple[tuple[str, ...], tuple[float, ...], tuple[float, ...]]:
    """Read names, least and greatest values; lists may be written as texts of lists."""
    content = read_regular(path, most=_LARGEST_SCALER, error=BundleError)
    try:
        data = json.loads(content)
        names, low, high, ends = (
            _listed(data[key])
            for key in ("features_names_order", "data_min", "data_max", "scaler_range")
        )
        least, greatest = ([float(v) for v in values] for values in (low, high))
        whole = all(np.isfinite([*least, *greatest])) and [*map(float, ends)] == [0, 1]
        if not whole or not len(names) == len(least) == len(greatest):
            raise ValueError(
                "lists of one length, of finite numbers, for a range of 0 to 1"
            )
        if not all(a < b for a, b in zip(least, greatest, strict=True)):
            raise ValueError("data_min below data_max for every feature")
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise BundleError(
            f"{path} must be JSON with features_names_order, data_min, data_max and scaler_range "
            f"[0, 1]; {type(error).__name__}: {error}."
        ) from error
    return tuple(map(str, names)), tuple(least), tuple(greatest)


def _listed(value: Any) -> list[Any]:
    found = json.loads(value.replace("'", '"')) if isinstance(value, str) else value
    if not isinstance(found, list):
        raise TypeError(f"a list is needed, not {type(found).__name__}")
    return found
