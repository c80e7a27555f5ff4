"""Model bundles: find one by name, path or Hub repository, and write one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy.typing as npt

from xoceansar._paths import local_target
from xoceansar.errors import BundleError, warn
from xoceansar.models.bundle.hub import download
from xoceansar.models.bundle.schema import CONFIG, read_config, write_config
from xoceansar.models.bundle.weight_files import (
    StorageDtype,
    encode_arrays,
    sha256_of,
    write_file,
)
from xoceansar.models.heads.head import Head, check_backbone, save_head
from xoceansar.models.spec import (
    BackboneSpec,
    InputSpec,
    ModelHandle,
    Precision,
    Simulated,
)
from xoceansar.models.spec.detector_spec import (
    DetectorSpec,
    TrainedDetector,
    check_detector,
)

__all__ = [
    "BUNDLES",
    "DEFAULT_MODEL",
    "list_models",
    "load_model",
    "warn_if_simulated",
    "write_bundle",
]

#: Folder of the bundles that come with the package.
BUNDLES: Final = Path(__file__).parents[1] / "bundles"
#: The one that is used where no model is named.
DEFAULT_MODEL: Final = "sim-vit-tiny"

_HUB_NAME: Final = re.compile(
    r"(hf://)?(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?"
)

_warned = False
_warned_lock = Lock()


def list_models() -> list[str]:
    """List the bundles that come with the package.

    Returns
    -------
    list of str
        Their names, sorted.

    Examples
    --------
    >>> import xoceansar as xos
    >>> xos.list_models()
    ['sim-vit-tiny']
    """
    return sorted(config.parent.name for config in BUNDLES.glob(f"*/{CONFIG}"))


def load_model(
    name_or_path: str | Path | ModelHandle | None = None,
    *,
    device: str = "auto",
    precision: Precision = "auto",
) -> ModelHandle:
    """Describe a model, without reading its weights.

    Parameters
    ----------
    name_or_path : str, Path or ModelHandle, optional
        A bundle that comes with the package; the folder of a bundle; a model repository of the
        Hugging Face Hub, ``hf://organisation/name`` or ``organisation/name``, with
        ``@revision`` where wanted; or a handle, whose device and precision stay where not given
        here. The default is `DEFAULT_MODEL`.
    device : str
        ``auto``: a GPU where the work is done on a machine that has one, else the CPU;
        ``cpu``, ``cuda`` or ``cuda:N`` to decide.
    precision : {"auto", "bf16", "fp32"}
        ``auto``: bf16 where the device computes it fast (GPUs, CPUs with AMX), else fp32.

    Returns
    -------
    ModelHandle
        Name, heads and input of the model: what every method takes as ``model=``.

    Raises
    ------
    BundleError
        If there is no such bundle, or its ``config.json`` is not valid.
    WeightsMismatchError
        If ``config.json`` is not the file that was written, by ``config.sha256`` beside it.

    Notes
    -----
    Reads ``config.json`` only. Weights are read, checked against their SHA-256 and moved to the
    device once in each process, by the first task that needs them.

    Examples
    --------
    >>> import xoceansar as xos
    >>> handle = xos.load_model("sim-vit-tiny", device="cpu", precision="fp32")
    >>> handle.name, handle.precision, [head.name for head in handle.heads][:2]
    ('sim-vit-tiny', 'fp32', ['swh', 'wind_speed'])
    """
    if isinstance(name_or_path, ModelHandle):
        return replace(
            name_or_path,
            device=name_or_path.device if device == "auto" else device,
            precision=name_or_path.precision if precision == "auto" else precision,
        )
    if name_or_path is None or isinstance(name_or_path, str | Path):
        handle = read_config(_find(name_or_path))
        return replace(handle, device=device, precision=precision)
    raise BundleError(
        "a model is given by name, by path or as a ModelHandle; got "
        f"{type(name_or_path).__name__}. A network in memory cannot travel to the workers: "
        "write it with xoceansar.models.write_bundle and give its folder."
    )


def _find(name_or_path: str | Path | None) -> Path:
    text = DEFAULT_MODEL if name_or_path is None else str(name_or_path)
    shipped = BUNDLES / text
    if not isinstance(name_or_path, Path) and text in list_models():
        return shipped
    folder = Path(text).expanduser()
    if folder.is_dir():
        return folder.resolve()
    hub_name = _HUB_NAME.fullmatch(text)
    if hub_name and not isinstance(name_or_path, Path):
        return download(hub_name["repo"], hub_name["revision"])
    raise BundleError(
        f"there is no model {text!r}. Models that come with the package: {list_models()}; "
        "otherwise give the folder of a bundle, or organisation/name on the Hugging Face Hub."
    )


def write_bundle(
    folder: str | Path,
    *,
    name: str,
    backbone: BackboneSpec,
    backbone_state: Mapping[str, npt.NDArray[Any]],
    input: InputSpec,
    heads: Sequence[Head] = (),
    detectors: Sequence[TrainedDetector] = (),
    simulated: Simulated = False,
    provenance: Mapping[str, Any] | None = None,
    card: str = "",
    dtype: StorageDtype = "float32",
) -> ModelHandle:
    """Write a model as a bundle.

    Parameters
    ----------
    folder : str or Path
        Where; made if it does not exist, and its files of the same names are replaced.
    name : str
        Name of the model: attribute ``model`` of everything made with it.
    backbone : BackboneSpec
        The network; its ``sha256`` is filled in.
    backbone_state : mapping of str to ndarray
        Its weights, by the names of the timm network.
    input : InputSpec
        What it takes.
    heads : sequence of Head
        Fitted on this backbone's features as stored: write the bundle without heads, embed the
        training set with it, fit, and write it again with them (the same weights give the same
        file).
    detectors : sequence of TrainedDetector
        Fitted on this backbone's patch tokens.
    simulated : bool or "partly"
        Whether it was trained on simulated vignettes only, or in part: users are warned once.
    provenance : mapping, optional
        How it was made, as JSON values.
    card : str
        The model card, Markdown: data, metrics, licence, limits. Becomes ``README.md``.
    dtype : {"float32", "float16"}
        Type of the backbone's weights in the file; they are always loaded as float32.

    Returns
    -------
    ModelHandle

    Raises
    ------
    WeightsMismatchError
        If a head or a detector was fitted on another backbone or pooling.
    BundleError
        If a weight is not finite in `dtype`.

    Examples
    --------
    >>> from xoceansar.models import (
    ...     BackboneSpec,
    ...     InputSpec,
    ...     build_network,
    ...     network_weights,
    ... )
    >>> backbone = BackboneSpec(
    ...     architecture="vit_tiny_patch16_224", embedding_dim=192, pooling="mean"
    ... )
    >>> handle = write_bundle(
    ...     "untrained",
    ...     name="untrained",
    ...     backbone=backbone,
    ...     backbone_state=network_weights(build_network(backbone, 32)),
    ...     input=InputSpec(scale="dB", size=32),
    ... )
    >>> handle.name, len(handle.backbone.sha256)
    ('untrained', 64)
    """
    path = local_target(folder, "a bundle").resolve()
    content = encode_arrays(backbone_state, dtype)
    written = replace(backbone, sha256=sha256_of(content))
    for head in heads:
        check_backbone(head.spec, written)
    for detector in detectors:
        check_detector(detector.spec, written)
    write_file(path / backbone.file, content)
    handle = ModelHandle(
        name=name,
        path=str(path),
        backbone=written,
        input=input,
        heads=tuple(save_head(head, path) for head in heads),
        detectors=tuple(_save_detector(one, path, dtype) for one in detectors),
        simulated=simulated,
    )
    (path / "README.md").write_text(card, encoding="utf-8")
    write_config(handle, provenance or {})
    return handle


def _save_detector(
    detector: TrainedDetector, folder: Path, dtype: StorageDtype
) -> DetectorSpec:
    file = f"detectors/{detector.spec.name}.safetensors"
    content = encode_arrays(detector.weights, dtype)
    write_file(folder / file, content)
    return replace(detector.spec, file=file, sha256=sha256_of(content))


def warn_if_simulated(handle: ModelHandle) -> None:
    """Say once in a process that a model has seen simulated vignettes."""
    global _warned
    with _warned_lock:
        if _warned or not handle.simulated:
            return
        _warned = True
    warn(
        f"model {handle.name!r} was trained on {handle.origin}: its numbers are not "
        "measurements of the real sea."
    )
