"""Sessions of onnxruntime, one for each file and process, and what Dask calls with them."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar._optional import require
from xoceansar._paths import read_regular
from xoceansar.errors import BundleError, WeightsMismatchError
from xoceansar.models.bundle.weight_files import sha256_of
from xoceansar.models.inference.runtime import load_lock, sessions
from xoceansar.models.spec.onnx_spec import OnnxNetwork

Array = npt.NDArray[Any]

#: Bytes of a file.
_LARGEST: Final = 2**29
#: Sets of operators that are ONNX itself.
_STANDARD: Final = frozenset({"", "ai.onnx", "ai.onnx.ml"})
#: Rows for each call of a network that takes any number.
_ROWS: Final = 1024
#: onnxruntime is to write errors alone.
_ERRORS: Final = 3


def read_session(path: str | Path) -> tuple[Any, str]:
    """Read a file, refuse what is not self-contained, and give its session and SHA-256."""
    runtime = require("onnxruntime", extra="onnx")
    content = read_regular(path, most=_LARGEST, error=BundleError)
    _check(content, str(path))
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS
    try:
        session = runtime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # whatever onnxruntime raises, of its own classes
        raise BundleError(f"{path} cannot be run by onnxruntime: {error}") from error
    return session, sha256_of(content)


def _check(content: bytes, path: str) -> None:
    """Refuse operators that are not ONNX's own, and weights in other files."""
    onnx = require("onnx", extra="onnx")
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # of protobuf, whose classes differ by version
        raise BundleError(f"{path} is not an ONNX file ({error}).") from error
    if not model.HasField("graph"):
        raise BundleError(f"{path} is not an ONNX file: it has no graph.")
    external = onnx.TensorProto.EXTERNAL
    waiting: list[Any] = [model]
    while waiting:
        message = waiting.pop()
        kind = message.DESCRIPTOR.name
        if kind == "NodeProto" and message.domain not in _STANDARD:
            raise BundleError(
                f"{path} uses the operator {message.domain}.{message.op_type}, and only those of ONNX "
                "itself are run. Export the network without operators or functions of its own "
                "(onnx.inliner.inline_local_functions)."
            )
        if kind == "TensorProto" and message.data_location == external:
            raise BundleError(
                f"{path} keeps the weights {message.name!r} in another file. Save it as one: "
                "onnx.save(onnx.load(path), path)."
            )
        for description, value in message.ListFields():
            if description.type == description.TYPE_MESSAGE:
                waiting += [value] if hasattr(value, "DESCRIPTOR") else list(value)


def _session(network: OnnxNetwork) -> Any:
    with load_lock:
        if network.sha256 not in sessions:
            session, sha256 = read_session(network.path)
            if sha256 != network.sha256:
                raise WeightsMismatchError(
                    f"{network.path} is not the file that was opened: its SHA-256 is another. Open it "
                    "again with xoceansar.open_onnx."
                )
            sessions[network.sha256] = session
        return sessions[network.sha256]


def onnx_block(
    *features: Array, network: OnnxNetwork, shapes: tuple[tuple[int, ...], ...]
) -> tuple[Array, ...]:
    """Run a network on a block; a row with a missing number is missing and harms no other.

    Shapes: each feature (..., *its own) with `shapes` of its own dims -> (..., *own) of every variable
    given, then how many inputs of each row are out of the domain (...).
    """
    own = [len(shape) for shape in shapes]
    leading = np.broadcast_shapes(
        *(a.shape[: a.ndim - n] for a, n in zip(features, own, strict=True))
    )
    rows = int(np.prod(leading, dtype=int))
    flat = [
        np.broadcast_to(a, (*leading, *shape)).reshape(
            rows, int(np.prod(shape, dtype=int))
        )
        for a, shape in zip(features, shapes, strict=True)
    ]
    matrices, outside, at = list[Array](), np.zeros(rows, np.int16), 0
    for _, shape, named in network.inputs:
        matrix = np.concatenate(flat[at : at + len(named)], axis=1).astype(np.float64)
        low, high = _ends(network, named, flat[at : at + len(named)])
        with np.errstate(invalid="ignore"):
            outside += ((matrix < low) | (matrix > high)).sum(axis=1).astype(np.int16)
        if network.scale:
            matrix = (matrix - low) / (high - low)
        own_shape = shapes[at] if len(shape) > 1 else (matrix.shape[1],)
        matrices.append(matrix.reshape(rows, *own_shape))
        at += len(named)
    good = np.ones(rows, bool)
    with np.errstate(over="ignore"):  # beyond float32 is missing, as infinity is
        for matrix in matrices:
            finite = np.isfinite(matrix.astype(np.float32))
            good &= finite.all(axis=tuple(range(1, matrix.ndim)))
    out = [
        np.full((rows, *shape), np.nan, np.float32) for _, shape, _ in network.outputs
    ]
    for part in np.array_split(np.flatnonzero(good), _calls(int(good.sum()), network)):
        for filled, values in zip(out, _run(matrices, part, network), strict=True):
            filled[part] = values
    given = list[Array]()
    for array, (_, shape, variables) in zip(out, network.outputs, strict=True):
        if len(variables) == 1:
            dims = shape if variables[0].dims else ()
            given.append(array.reshape(*leading, *dims))
        else:
            given += [array[:, k].reshape(leading) for k in range(len(variables))]
    return (*given, outside.reshape(leading))


def _calls(rows: int, network: OnnxNetwork) -> int:
    return max(1, -(-rows // (network.batch or _ROWS)))


def _ends(
    network: OnnxNetwork, named: tuple[Any, ...], parts: list[Array]
) -> tuple[Array, Array]:
    """Least and greatest value of each column (columns,); infinite where none is stated."""
    stated = {name: (low, high) for name, low, high in network.domain}
    if "*" in stated:
        low, high = stated["*"]
        return np.array(low), np.array(high)
    lows, highs = list[Array](), list[Array]()
    for feature, part in zip(named, parts, strict=True):
        low, high = stated.get(feature.name, ((-np.inf,), (np.inf,)))
        lows.append(np.broadcast_to(low, part.shape[1]))
        highs.append(np.broadcast_to(high, part.shape[1]))
    return np.concatenate(lows), np.concatenate(highs)


def _run(matrices: list[Array], part: Array, network: OnnxNetwork) -> list[Array]:
    """Run on some rows; a graph of a fixed number of rows is given the last one again."""
    if not len(part):
        return [np.empty((0, *shape), np.float32) for _, shape, _ in network.outputs]
    session = _session(network)
    padded = part
    if network.batch is not None:
        padded = np.concatenate([part, np.repeat(part[-1:], network.batch - len(part))])
    types = {
        one.name: np.float64 if one.type == "tensor(double)" else np.float32
        for one in session.get_inputs()
    }
    given = {
        name: np.ascontiguousarray(matrix[padded], types[name])
        for (name, _, _), matrix in zip(network.inputs, matrices, strict=True)
    }
    try:
        found = session.run([name for name, _, _ in network.outputs], given)
    except Exception as error:  # whatever onnxruntime raises, of its own classes
        raise BundleError(f"{network.name} failed on its inputs: {error}") from error
    out = []
    for array, (name, shape, _) in zip(found, network.outputs, strict=True):
        if array.shape != (len(padded), *shape):
            raise BundleError(
                f"output {name!r} of {network.name} has the shape {array.shape} for {len(padded)} "
                f"vignettes; {(len(padded), *shape)} was expected. Its rows depend on one another, or the "
                "shape on the values."
            )
        values = array[: len(part)].astype(np.float32)
        out.append(np.where(np.isfinite(values), values, np.nan))
    return out
