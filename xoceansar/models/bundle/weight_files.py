"""Weights on disk: safetensors files known by their SHA-256. Nothing is ever unpickled."""

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from xoceansar._optional import require
from xoceansar._paths import read_regular
from xoceansar.errors import BundleError, WeightsMismatchError

__all__ = [
    "LARGEST_WEIGHTS",
    "StorageDtype",
    "check_members",
    "encode_arrays",
    "read_arrays",
    "read_checked",
    "sha256_of",
    "write_file",
]

StorageDtype = Literal["float16", "float32"]

#: Bytes of a file of weights.
LARGEST_WEIGHTS: Final = 2**36
#: How safetensors names what is read: the types, and how numpy has them.
_TYPES: Final = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


def sha256_of(content: bytes) -> str:
    """Identify some bytes."""
    return hashlib.sha256(content).hexdigest()


def encode_arrays(
    arrays: Mapping[str, npt.NDArray[Any]], dtype: StorageDtype = "float32"
) -> bytes:
    """Encode arrays as the content of a safetensors file."""
    save = require("safetensors.numpy", extra="models").save
    with np.errstate(over="ignore"):  # refused below, by name
        stored = {n: np.asarray(arrays[n], dtype, order="C") for n in sorted(arrays)}
    broken = [name for name, array in stored.items() if not np.isfinite(array).all()]
    if broken:
        raise BundleError(
            f"the arrays {broken[:5]} hold values that are not finite as {dtype}. Check the "
            "training, or store them as float32."
        )
    return bytes(save(stored, metadata={"format": "xoceansar"}))


def write_file(path: Path, content: bytes) -> None:
    """Write a file, and the folder that holds it, replacing the file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)


def read_checked(path: Path, sha256: str) -> bytes:
    """Read a file of a bundle and check that it is the one that was written."""
    if not path.exists():
        raise BundleError(
            f"the weights {path} are missing from the bundle. Copy the whole folder, or "
            "download the model again."
        )
    content = read_regular(path, most=LARGEST_WEIGHTS, error=BundleError)
    found = sha256_of(content)
    if found != sha256:
        raise WeightsMismatchError(
            f"{path} has the SHA-256 {found[:12]}..., and config.json records "
            f"{sha256[:12]}...: the file was changed or cut short. Copy or download the "
            "bundle again."
        )
    return content


def check_members(path: Path) -> None:
    """Check the checksums that a file of `torch.save` carries; its loader does not."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as members:
        damaged = members.testzip()
    if damaged is not None:
        raise BundleError(
            f"{path.name} is damaged: {damaged!r} in it is not what was written (CRC-32). Copy it "
            "again."
        )


def read_arrays(path: Path, sha256: str) -> dict[str, npt.NDArray[np.float32]]:
    """Read a safetensors file and check that it is the one that was written."""
    content = read_checked(path, sha256)
    safetensors = require("safetensors", extra="models")
    try:
        found = safetensors.deserialize(content)
    except safetensors.SafetensorError as error:
        raise BundleError(
            f"{path} is not a readable safetensors file ({error}). Write the bundle again with "
            "xoceansar.models.write_bundle."
        ) from error
    return {name: _decode(tensor, f"{name!r} of {path}") for name, tensor in found}


def _decode(tensor: Mapping[str, Any], where: str) -> npt.NDArray[np.float32]:
    kind = tensor["dtype"]
    if kind not in _TYPES:
        raise BundleError(
            f"the tensor {where} must be of the type {', '.join(_TYPES)}; got {kind}. Convert it "
            "to float32 and write the bundle again."
        )
    stored = np.frombuffer(tensor["data"], _TYPES[kind]).reshape(tensor["shape"])
    if kind == "BF16":  # the upper half of a float32
        values = (stored.astype(np.uint32) << 16).view(np.float32)
    else:
        with np.errstate(over="ignore"):  # refused below
            values = stored.astype(np.float32)
    if not np.isfinite(values).all():
        raise BundleError(
            f"the tensor {where} holds values that are not finite in float32: every result would "
            "be NaN. Check the training, or download the bundle again."
        )
    return values
