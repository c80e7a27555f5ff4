"""Foreign checkpoints: read the tensors, never the objects, and find the backbone among them."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from xoceansar._optional import require
from xoceansar._paths import check_regular
from xoceansar.errors import BundleError, WeightsMismatchError
from xoceansar.models.bundle.weight_files import check_members

__all__ = [
    "Branch",
    "Family",
    "Located",
    "flatten",
    "locate_backbone",
    "read_checkpoint",
]

Array = npt.NDArray[Any]
Branch = Literal["teacher", "student", "only"]
Family = Literal[
    "vit", "hf_dinov2", "hf_dinov3", "resnet", "lightly_resnet", "hf_resnet"
]

#: Layers that wrappers put anywhere in a name (DataParallel, torch.compile, FSDP, checkpointing).
_WRAPPERS: Final = frozenset(
    {
        "module",
        "_orig_mod",
        "_fsdp_wrapped_module",
        "_checkpoint_wrapped_module",
        "_forward_module",
    }
)
#: Names under which frameworks keep a network: Lightning, DINO, lightly, transformers.
_CONTAINERS: Final = frozenset(
    {
        *("state_dict", "model_state_dict", "model", "network", "net", "backbone"),
        *("resnet", "dinov2", "dinov2_with_registers", "dinov3_vit"),
    }
)
_BRANCHES: Final[Mapping[str, Branch]] = {
    "teacher": "teacher",
    "teacher_backbone": "teacher",
    "ema": "teacher",
    "model_ema": "teacher",
    "student": "student",
    "student_backbone": "student",
}
#: Of several networks in one file, the first of these: DINO evaluates its teacher.
_PREFERENCE: Final[tuple[Branch, ...]] = ("teacher", "only", "student")
#: The weight by which each layout is recognised.
_ANCHORS: Final[Mapping[Family, str]] = {
    "vit": "patch_embed.proj.weight",
    "hf_dinov2": "embeddings.patch_embeddings.projection.weight",
    "hf_dinov3": "embeddings.patch_embeddings.weight",
    "resnet": "conv1.weight",
    "lightly_resnet": "0.weight",
    "hf_resnet": "embedder.embedder.convolution.weight",
}
_NOT_WEIGHTS: Final = (
    "optimizer",
    "lr_scheduler",
    "scheduler",
    "scaler",
    "loss",
    "loops",
)
#: Mappings in one another, of a checkpoint that has any sense.
_DEEPEST: Final = 32


@dataclass(frozen=True, slots=True)
class Located:
    """A backbone found in a checkpoint.

    Parameters
    ----------
    state : dict of str to ndarray
        Its tensors, by their names below `prefix`.
    family : {"vit", "hf_dinov2", "hf_dinov3", "resnet", "lightly_resnet", "hf_resnet"}
        Layout of the names.
    prefix : str
        Where it was, wrappers left out.
    branch : {"teacher", "student", "only"}
        Which network of the file.
    others : tuple of str
        What else the file holds.
    """

    state: dict[str, Array]
    family: Family
    prefix: str
    branch: Branch
    others: tuple[str, ...]


def read_checkpoint(path: Path) -> dict[str, Array]:
    """Read the tensors of a checkpoint, by dotted names."""
    if not path.exists():
        raise BundleError(f"there is no checkpoint {path}.")
    check_regular(path, error=BundleError)
    load = _load_safetensors if path.suffix == ".safetensors" else _load_pickle
    try:
        content = load(path)
    except UnpicklingError as error:
        reason = str(error).strip().splitlines() or ["no reason given"]
        named = next((line for line in reason if "GLOBAL" in line), reason[0])
        raise BundleError(
            f"{path.name} holds Python objects, which would run code when loaded, and is "
            f"refused ({named.strip()[:200]}). Where you trust it, keep only its tensors: "
            "torch.save(model.state_dict(), path)."
        ) from error
    except BundleError:
        raise
    except Exception as error:  # whatever a damaged file raises
        raise BundleError(
            f"{path.name} is not a readable checkpoint ({type(error).__name__}: "
            f"{str(error)[:200]}). Copy it again."
        ) from error
    return flatten(content)


def _load_pickle(path: Path) -> Any:
    torch = require("torch", extra="models")
    check_members(path)
    with _numpy_numbers_allowed(torch):
        return torch.load(path, map_location="cpu", weights_only=True)


def _load_safetensors(path: Path) -> Any:
    return require("safetensors.torch", extra="models").load_file(path)


def _numpy_numbers_allowed(torch: Any) -> AbstractContextManager[None]:
    """Let the safe loader make numpy numbers, which training loops leave among the metadata."""
    scalar = np.float64(0).__reduce__()[0]
    # the second entry is its name before NumPy 2
    numbers: list[Any] = [scalar, (scalar, "numpy.core.multiarray.scalar"), np.dtype]
    numbers += [type(np.dtype(kind)) for kind in ("f4", "f8", "i4", "i8", "b1")]
    allowed: AbstractContextManager[None] = torch.serialization.safe_globals(numbers)
    return allowed


def flatten(content: Any) -> dict[str, Array]:
    """Turn nested mappings of tensors into one, by dotted names without wrapper layers."""
    flat: dict[str, Array] = {}
    for name, value in _leaves(content, ()):
        kept = [part for part in ".".join(name).split(".") if part not in _WRAPPERS]
        if "flat_param" in kept[-1]:
            raise WeightsMismatchError(
                f"{'.'.join(name)!r} is a flat parameter of FSDP: the shapes of the weights in "
                "it are lost, and each rank has a part. Save it again with "
                "StateDictType.FULL_STATE_DICT."
            )
        key = ".".join(kept)
        if key in flat:
            raise WeightsMismatchError(
                f"the checkpoint holds two tensors {key!r} but for wrapper layers. Keep the one "
                "that is meant."
            )
        flat[key] = value
    if not flat:
        raise BundleError(
            "the checkpoint holds no tensor by name: needed a state dict, or mappings of them; it "
            f"is a {type(content).__name__}."
        )
    return flat


def _leaves(
    value: Any, name: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Array]]:
    if isinstance(value, Mapping):
        if len(name) > _DEEPEST:
            raise BundleError(
                f"the mappings of the checkpoint lie more than {_DEEPEST} deep in one another, or "
                "contain each other. Save its state dict alone."
            )
        for key, item in value.items():
            if name or not str(key).startswith(_NOT_WEIGHTS):
                yield from _leaves(item, (*name, str(key)))
    elif isinstance(value, np.ndarray):
        yield name, value
    elif hasattr(value, "is_floating_point"):  # a tensor; numpy has no bfloat16
        try:
            plain = value.detach()
            if plain.numel() * plain.element_size() > plain.untyped_storage().nbytes():
                raise BundleError(
                    f"the tensor {'.'.join(name)!r} of shape {list(value.shape)} shares its numbers "
                    "among its elements. Save a copy of it, tensor.clone()."
                )
            plain = plain.float() if plain.is_floating_point() else plain
            yield name, plain.numpy()
        except (RuntimeError, TypeError) as error:
            raise BundleError(
                f"the tensor {'.'.join(name)!r} must hold plain numbers; got {value.dtype}, "
                f"{value.layout}, on {value.device}. Save it dense, as float32."
            ) from error


def locate_backbone(
    flat: Mapping[str, Array],
    *,
    branch: Branch | None = None,
    prefix: str | None = None,
) -> Located:
    """Find the backbone in a checkpoint by the names that frameworks use."""
    seen = [
        (family, name.removesuffix(anchor), value)
        for family, anchor in _ANCHORS.items()
        for name, value in flat.items()
        if f".{name}".endswith(f".{anchor}") and value.ndim == 4 and value.size
    ]
    wanted = None if prefix is None else f"{prefix.rstrip('.')}." if prefix else ""
    found: dict[Branch, list[tuple[Family, str]]] = {}
    for family, where, _ in seen:
        of = (
            _branch_of(where) if wanted is None else "only" if where == wanted else None
        )
        if of is not None and branch in (None, of):
            found.setdefault(of, []).append((family, where))
    for candidate in _PREFERENCE:
        places = found.get(candidate, [])
        if len(places) > 1:
            names = sorted(where for _, where in places)
            raise WeightsMismatchError(
                f"the checkpoint holds several backbones: at {names}. Choose one with prefix=."
            )
        if places:
            return _take(flat, *places[0], candidate)
    places_seen = sorted({where for _, where, _ in seen if where.count(".") < 4})
    raise WeightsMismatchError(
        "no backbone was found in the checkpoint"
        + (f" for branch={branch!r}" if branch else "")
        + f". Weights that look like one are at {places_seen}, and the first names are "
        f"{sorted(flat)[:3]}. Say where it is with prefix=; known layouts are ViT (timm, "
        "DINOv2, DINOv3, the last two of transformers too) and ResNet (torchvision, lightly, transformers)."
    )


def _branch_of(prefix: str) -> Branch | None:
    """Which network a prefix names; None if it is not a known one."""
    parts = prefix.split(".")[:-1]
    named = [_BRANCHES[part] for part in parts if part in _BRANCHES]
    if len(named) > 1 or any(
        p not in _BRANCHES and p not in _CONTAINERS for p in parts
    ):
        return None
    return named[0] if named else "only"


def _take(
    flat: Mapping[str, Array], family: Family, prefix: str, branch: Branch
) -> Located:
    state = {
        name.removeprefix(prefix): value
        for name, value in flat.items()
        if name.startswith(prefix)
    }
    others = {
        ".".join(name.split(".")[:2]) for name in flat if not name.startswith(prefix)
    }
    return Located(state, family, prefix, branch, tuple(sorted(others)))
