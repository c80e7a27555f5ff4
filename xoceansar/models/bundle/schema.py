"""``config.json`` of a bundle: strict reading, with messages that name the field, and writing."""

import json
import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import (
    Any,
    Final,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from xoceansar._paths import read_regular
from xoceansar.errors import BundleError, WeightsMismatchError
from xoceansar.models.bundle.weight_files import sha256_of, write_file
from xoceansar.models.spec import (
    BackboneSpec,
    HeadSpec,
    InputSpec,
    ModelHandle,
    Simulated,
)
from xoceansar.models.spec.detector_spec import DetectorSpec

__all__ = [
    "CHECKSUM",
    "CONFIG",
    "SCHEMA_VERSION",
    "read_config",
    "read_provenance",
    "write_config",
]

CONFIG: Final = "config.json"
#: Checksum of the config, as ``sha256sum`` writes it; bundles of before have none.
CHECKSUM: Final = "config.sha256"
#: Raised when a bundle may say more than before; later versions are refused. 2: heads that take
#: features. 3: a part of what it was trained on is simulated. A bundle is written in the first
#: version that can say what it holds.
SCHEMA_VERSION: Final = 3
#: Fields of a head that came with version 2.
_SINCE_2: Final = ("features", "embedding")

_TOP_LEVEL: Final = frozenset(
    {
        "schema_version",
        "name",
        "simulated",
        "backbone",
        "input",
        "heads",
        "detectors",
        "provenance",
    }
)

#: Bytes of a config, and levels of lists and objects in one another.
_LARGEST: Final = 2**26
_LARGEST_SUM: Final = 4096
_DEEPEST: Final = 32

T = TypeVar("T")


def _describe(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return f"one of {list(get_args(kind))}"
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(_describe(option) for option in get_args(kind))
    if get_origin(kind) is tuple:
        return f"a list of {_describe(get_args(kind)[0])}"
    names = {
        str: "text",
        int: "a whole number",
        float: "a number",
        bool: "true or false",
    }
    return names.get(kind, "null" if kind is type(None) else "an object")


def _is_scalar(value: Any, kind: type) -> bool:
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _convert(value: Any, kind: Any, where: str) -> Any:
    """Turn a JSON value into the annotated type of a field, or say what is wrong with it."""
    origin, options = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        for option in options:
            if (
                isinstance(value, dict)
                and isinstance(option, type)
                and is_dataclass(option)
            ):
                return _read_object(option, value, where)
            try:
                return _convert(value, option, where)
            except BundleError:
                continue
    elif origin is Literal and value in options:
        return value
    elif origin is tuple and isinstance(value, list):
        return tuple(
            _convert(item, options[0], f"{where}[{i}]") for i, item in enumerate(value)
        )
    elif is_dataclass(kind) and isinstance(kind, type) and isinstance(value, dict):
        return _read_object(kind, value, where)
    elif origin is dict and isinstance(value, dict):
        return dict(value)
    elif isinstance(kind, type) and origin is None and _is_scalar(value, kind):
        return _finite(value, where) if kind is float else value
    raise BundleError(f"{where} must be {_describe(kind)}; got {value!r}.")


def _finite(value: float, where: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise BundleError(f"{where} must be a finite number; got {number}.")
    return number


def _refuse_unknown(data: Mapping[str, Any], known: frozenset[str], where: str) -> None:
    for key in data:
        if key not in known:
            close = get_close_matches(key, known, n=1)
            hint = (
                f" Did you mean {close[0]!r}?" if close else f" Known: {sorted(known)}."
            )
            raise BundleError(f"{where} has an unknown field {key!r}.{hint}")


def _read_object(kind: type[T], data: Any, where: str) -> T:
    if not isinstance(data, Mapping):
        raise BundleError(f"{where} must be an object; got {data!r}.")
    declared = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    _refuse_unknown(data, frozenset(declared), where)
    missing = [
        name
        for name, f in declared.items()
        if name not in data and f.default is MISSING and f.default_factory is MISSING
    ]
    if missing:
        raise BundleError(f"{where} lacks the required field(s) {missing}.")
    hints = get_type_hints(kind)
    return kind(**{k: _convert(v, hints[k], f"{where}.{k}") for k, v in data.items()})


def _check_identity(
    backbone: BackboneSpec,
    heads: tuple[HeadSpec, ...],
    detectors: tuple[DetectorSpec, ...],
) -> None:
    files: list[tuple[str, BackboneSpec | HeadSpec | DetectorSpec]] = [
        ("backbone", backbone)
    ]
    files += [(f"heads[{head.name!r}]", head) for head in heads]
    files += [(f"detectors[{one.name!r}]", one) for one in detectors]
    for where, spec in files:
        if len(spec.sha256) != 64:
            raise BundleError(
                f"{where}.sha256 must be the 64 hexadecimal digits of the file's SHA-256; "
                f"got {spec.sha256!r}."
            )
        inside = Path(spec.file)
        if (
            not spec.file.endswith(".safetensors")
            or inside.is_absolute()
            or ".." in inside.parts
        ):
            raise BundleError(
                f"{where}.file must be a .safetensors file inside the bundle; got {spec.file!r}."
            )


def read_config(folder: Path) -> ModelHandle:
    """Read and check ``config.json`` of a bundle; weights are not touched."""
    path = folder / CONFIG
    data = _read_json(folder)
    try:
        handle = _parse(data, folder)
        _check_content(folder)
        return handle
    except (BundleError, TypeError, ValueError) as error:
        raise BundleError(f"{path}: {error}") from error


def _read_json(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    if not path.exists():
        raise BundleError(
            f"{folder} is not a model bundle: it has no {CONFIG}. If it holds a checkpoint, convert it "
            "with xoceansar.models.bundle.conversion.convert_checkpoint; write one of your own with "
            "xoceansar.models.write_bundle."
        )
    content = read_regular(path, most=_LARGEST, error=BundleError)
    try:
        data = json.loads(content.decode("utf-8"), object_pairs_hook=_without_twins)
        if not isinstance(data, dict):
            raise TypeError(f"it must hold an object; got {type(data).__name__}")
        _check_depth(data)
        json.dumps(data, ensure_ascii=False).encode()  # half a character is no text
    except (TypeError, ValueError, RecursionError) as error:
        raise BundleError(f"{path} is not valid JSON for a bundle: {error}.") from error
    return data


def _check_content(folder: Path) -> None:
    path = folder / CHECKSUM
    if not path.exists():
        return
    recorded = read_regular(path, most=_LARGEST_SUM, error=BundleError)[:64]
    content = read_regular(folder / CONFIG, most=_LARGEST, error=BundleError)
    if sha256_of(content).encode() != recorded:
        raise WeightsMismatchError(
            f"{folder / CONFIG} is not the file that was written: {CHECKSUM} records another "
            "SHA-256. Copy or download the bundle again; if you changed it on purpose, delete "
            f"{path}."
        )


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that says two things of one key."""
    keys = [key for key, _ in pairs]
    if len(keys) > len(set(keys)):
        twice = sorted({key for key in keys if keys.count(key) > 1})
        raise ValueError(f"the keys {twice[:5]} stand twice in one object")
    return dict(pairs)


def _check_depth(data: Any) -> None:
    level = [data]
    for _ in range(_DEEPEST):
        inner = [v.values() if isinstance(v, dict) else v for v in level]
        level = [v for some in inner for v in some if isinstance(v, dict | list)]
        if not level:
            return
    raise ValueError(f"lists and objects lie more than {_DEEPEST} deep in one another")


def _parse(data: dict[str, Any], folder: Path) -> ModelHandle:
    version = data.get("schema_version")
    if version not in range(1, SCHEMA_VERSION + 1) or isinstance(version, bool):
        raise BundleError(
            f"schema_version must be {SCHEMA_VERSION} or less; got {version!r}. "
            "A newer bundle needs a newer xoceansar."
        )
    _refuse_unknown(data, _TOP_LEVEL, "the file")
    missing = sorted({"name", "backbone", "input"} - set(data))
    if missing:
        raise BundleError(f"the file lacks the required field(s) {missing}.")
    backbone = _read_object(BackboneSpec, data["backbone"], "backbone")
    heads = _read_list(HeadSpec, data, "heads")
    detectors = _read_list(DetectorSpec, data, "detectors")
    _check_identity(backbone, heads, detectors)
    return ModelHandle(
        name=_convert(data["name"], str, "name"),
        path=str(folder),
        backbone=backbone,
        input=_read_object(InputSpec, data["input"], "input"),
        heads=heads,
        detectors=detectors,
        simulated=_convert(data.get("simulated", False), Simulated, "simulated"),
    )


def _read_list(kind: type[T], data: Mapping[str, Any], name: str) -> tuple[T, ...]:
    listed = _convert(data.get(name, []), tuple[dict[str, Any], ...], name)
    return tuple(_read_object(kind, d, f"{name}[{i}]") for i, d in enumerate(listed))


def write_config(handle: ModelHandle, provenance: Mapping[str, Any]) -> Path:
    """Write ``config.json`` in the folder of a bundle, replacing it in one step, and its checksum."""
    folder = Path(handle.path)
    later = any(head.features or not head.embedding for head in handle.heads)
    version = SCHEMA_VERSION if handle.simulated == "partly" else 2 if later else 1
    heads = [asdict(head) for head in handle.heads]
    for head in heads if version == 1 else ():
        for name in _SINCE_2:
            del head[name]
    content = {
        "schema_version": version,
        "name": handle.name,
        "simulated": handle.simulated,
        "backbone": asdict(handle.backbone),
        "input": asdict(handle.input),
        "heads": heads,
        "detectors": [asdict(detector) for detector in handle.detectors],
        "provenance": dict(provenance),
    }
    text = (json.dumps(content, indent=2) + "\n").encode()
    # without a checksum at any moment at which it would be that of the other config
    (folder / CHECKSUM).unlink(missing_ok=True)
    write_file(folder / CONFIG, text)
    write_file(folder / CHECKSUM, f"{sha256_of(text)}  {CONFIG}\n".encode())
    return folder / CONFIG


def read_provenance(folder: Path) -> dict[str, Any]:
    """Read how the model of a bundle was made."""
    found = _read_json(folder).get("provenance") or {}
    if not isinstance(found, dict):
        raise BundleError(
            f"{folder / CONFIG}: provenance must be an object; got {found!r}."
        )
    return found
