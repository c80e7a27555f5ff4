"""Block functions that Dask calls, and the networks behind them: one load in each process.

A block function takes arrays and a frozen handle, so that a graph holds no weights. torch is
imported inside the functions; heads need none.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from xoceansar._optional import require
from xoceansar._typing import Array
from xoceansar.errors import (
    DomainError,
    OceansarError,
    UnitsError,
    WeightsMismatchError,
)
from xoceansar.models.bundle.library import warn_if_simulated
from xoceansar.models.bundle.weight_files import read_arrays
from xoceansar.models.heads.head import Head, check_backbone, head_inputs, load_head
from xoceansar.models.inference.torch_state import plain_torch
from xoceansar.models.networks.preprocessing import Quantity, network_input
from xoceansar.models.networks.vit import (
    image_tokens,
    in_precision,
    inference_network,
    load_weights,
    pool_tokens,
)
from xoceansar.models.spec import HeadSpec, ModelHandle

if TYPE_CHECKING:
    import torch


#: Tokens for each call of the network: beyond 4 k a CPU runs out of cache (512 px: batch 16 is
#: 2.4 times slower than batch 4), and below 64 k a GPU waits for its launches.
_TOKENS_PER_CALL: Final = {"cpu": 4096, "cuda": 65536}

#: Images prepared at a time where no network decides.
_IMAGES_PER_LOOK: Final = 8

_CPUINFO: Final = Path("/proc/cpuinfo")


@dataclass(eq=False, slots=True)
class Network:
    """A network on its device, ready to run.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode.
    device, dtype : torch.device, torch.dtype
        Where and how it computes.
    batch : int
        Images for each call.
    """

    module: "torch.nn.Module"
    device: "torch.device"
    dtype: "torch.dtype"
    batch: int


_networks: dict[Any, Network] = {}
_heads: dict[HeadSpec, Head] = {}
#: Filled by the blocks that detect, cleared with the others.
detectors: dict[Any, "torch.nn.Module"] = {}
#: Of onnxruntime, by the SHA-256 of their file; likewise.
sessions: dict[str, Any] = {}
load_lock = Lock()
_device_locks: dict[str, Lock] = {}
_threads_lock = Lock()
_active_blocks = 0
_thread_budget = 1


class NetworkOutput(NamedTuple):
    """What the network gives for a block, and what was seen of each vignette.

    Shapes: values (n, width); sigma0_mean (n,), linear, and valid_fraction (n,), of the part that the
    network sees. A vignette that cannot be used has only the last one.
    """

    values: npt.NDArray[np.float32]
    sigma0_mean: npt.NDArray[np.float32]
    valid_fraction: npt.NDArray[np.float32]


def missing_output(n: int, width: int) -> NetworkOutput:
    """Give the output of vignettes that could not be looked at."""
    return NetworkOutput(
        np.full((n, width), np.nan, np.float32),
        np.full(n, np.nan, np.float32),
        np.full(n, np.nan, np.float32),
    )


def embed_block(
    sigma0: Array,
    incidence: Array,
    *,
    handle: ModelHandle,
    quantity: Quantity = "linear",
) -> NetworkOutput:
    """Embed a block of vignettes; one that cannot be used harms no neighbour.

    Shapes: `sigma0` (n, line, sample), `incidence` (n,) -> values (n, embedding_dim).

    Notes
    -----
    The result does not depend on how vignettes are put in blocks, up to 1e-5 in fp32.
    """
    return forward_block(
        sigma0,
        incidence,
        handle=handle,
        quantity=quantity,
        forward=partial(_features, handle=handle),
        width=handle.embedding_dim,
    )


def forward_block(
    sigma0: Array,
    incidence: Array,
    *,
    handle: ModelHandle,
    quantity: Quantity,
    forward: "Callable[[torch.nn.Module, torch.Tensor], torch.Tensor]",
    width: int,
) -> NetworkOutput:
    """Run the network on a block of vignettes, and take from it what is asked for."""
    out = missing_output(len(sigma0), width)
    if not len(sigma0):
        return out
    network = get_network(handle)
    prepare = partial(network_input, spec=handle.input, quantity=quantity)
    with share_of_threads(network) as rebalance:
        for part, images in _prepared(sigma0, incidence, prepare, network.batch, out):
            rebalance()
            usable = np.isfinite(out.sigma0_mean[part])
            if usable.any():
                found = run_network(network, images[usable], forward)
                out.values[part][usable] = found
    given = np.isfinite(out.sigma0_mean)
    if not np.isfinite(out.values[given]).all():
        raise WeightsMismatchError(
            f"the network of model {handle.name!r} gives no finite number of an image: its weights "
            "are damaged, or of another network. Download or convert the model again."
        )
    return out


def observe_block(
    sigma0: Array,
    incidence: Array,
    *,
    handle: ModelHandle,
    quantity: Quantity = "linear",
) -> NetworkOutput:
    """See of a block of vignettes what a network would be given, without running one.

    Shapes: `sigma0` (n, line, sample), `incidence` (n,) -> values (n, 1), which are missing.
    """
    out = missing_output(len(sigma0), 1)
    prepare = partial(network_input, spec=handle.input, quantity=quantity)
    for _ in _prepared(sigma0, incidence, prepare, _IMAGES_PER_LOOK, out):
        pass
    return out


def _prepared(
    sigma0: Array,
    incidence: Array,
    prepare: Callable[[Array, Array], tuple[Array, Array, Array]],
    batch: int,
    out: NetworkOutput,
) -> Iterator[tuple[slice, Array]]:
    """Prepare the images of a block part by part; refuse it if none of them is sigma0."""
    refused: UnitsError | None = None
    for part in batches(len(sigma0), batch):
        try:
            images, out.sigma0_mean[part], out.valid_fraction[part] = prepare(
                sigma0[part], incidence[part]
            )
        except UnitsError as error:
            refused = error
            continue
        yield part, images
    if refused is not None and not np.isfinite(out.sigma0_mean).any():
        raise refused


def head_block(
    embedding: Array,
    sigma0_mean: Array,
    incidence: Array,
    *,
    handle: ModelHandle,
    head: HeadSpec | str,
    confidence: float | None = None,
    texture: Array | None = None,
    features: Array | None = None,
) -> npt.NDArray[np.float32]:
    """Apply a head to a block of embeddings, without torch.

    Shapes: `embedding` (n, embedding_dim), which a head without it does not look at, `sigma0_mean`
    (n,), `incidence` (n,), `texture` (n, 2), `features` (n, F) of all blocks of the head -> (n, K). As `xoceansar.models.Head` gives it; NaN where an input of the head is
    missing. With `confidence`, the lower and the upper bound follow (K = 3).
    """
    spec = handle.head(head) if isinstance(head, str) else head
    check_backbone(spec, handle.backbone)
    if not spec.embedding:
        embedding = embedding[:, :0]
    elif embedding.shape[1] != handle.embedding_dim:
        raise WeightsMismatchError(
            f"model {handle.name!r} makes embeddings of length {handle.embedding_dim}; got "
            f"{embedding.shape[1]}. Embed the vignettes with this model."
        )
    if features is not None:
        embedding = np.concatenate([embedding, features], axis=1)
    ready = _get_head(spec, handle)
    out = ready(head_inputs(embedding, sigma0_mean, incidence, spec, texture))
    if confidence is None:
        return out
    return np.concatenate([out, ready.bounds(out[:, 0], incidence, confidence)], axis=1)


def clear_cache() -> None:
    """Forget the networks, heads, detectors and sessions of this process, and free their memory."""
    with load_lock:
        for cache in (_networks, _heads, detectors, sessions):
            cache.clear()


# Loading: functools.lru_cache is no once-guard (eight threads load eight times), a dict behind
# a lock is.


def _get_head(spec: HeadSpec, handle: ModelHandle) -> Head:
    with load_lock:
        if spec not in _heads:
            warn_if_simulated(handle)
            _heads[spec] = load_head(spec, Path(handle.path))
        return _heads[spec]


def get_network(handle: ModelHandle) -> Network:
    """Return the network of a model on its device; read once in each process."""
    device = resolve_device(handle.device)
    precision = _resolve_precision(handle.precision, device)
    key = (handle.backbone, handle.input.size, device, precision)
    with load_lock:
        if key not in _networks:
            warn_if_simulated(handle)
            _networks[key] = _load_network(handle, device, precision)
        return _networks[key]


def _load_network(handle: ModelHandle, device: str, precision: str) -> Network:
    torch = require("torch", extra="models")
    path = Path(handle.path) / handle.backbone.file
    state = read_arrays(path, handle.weights_sha256)
    build = partial(inference_network, handle.backbone, handle.input.size)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    module = in_precision(load_weights(build, state, str(path)), dtype).to(device)
    tokens = _TOKENS_PER_CALL[device.split(":")[0]]
    batch = max(1, tokens // handle.backbone.tokens(handle.input.size))
    return Network(module, torch.device(device), dtype, batch)


@lru_cache
def resolve_device(device: str) -> str:
    """Say where a network runs."""
    torch = require("torch", extra="models")
    if device == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise DomainError(
            f"device {device!r} was asked for and this process sees no CUDA device. Use "
            "load_model(..., device='auto')."
        )
    return "cuda:0" if device == "cuda" else device


def precision_bits(handle: ModelHandle) -> int:
    """Say in how many bits a model computes in this process."""
    precision = _resolve_precision(handle.precision, resolve_device(handle.device))
    return 16 if precision == "bf16" else 32


@lru_cache
def _resolve_precision(precision: str, device: str) -> str:
    if precision != "auto":
        return precision
    return "bf16" if computes_bf16_fast(device) else "fp32"


def computes_bf16_fast(device: str) -> bool:
    """Say whether a device has units for bf16, rather than emulating it."""
    torch = require("torch", extra="models")
    if device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # without AMX a CPU emulates bf16, about five times slower than fp32
    return _CPUINFO.is_file() and " amx_bf16" in _CPUINFO.read_text(encoding="utf-8")


# Running


def pooled(
    summary: "torch.Tensor", patches: "torch.Tensor", handle: ModelHandle
) -> "torch.Tensor":
    """Pool the last tokens of a model's network into its embeddings.

    Shapes: gives (n, embedding_dim).
    """
    features = pool_tokens(summary, patches.flatten(1, 2), handle.backbone.pooling)
    if features.shape[1] != handle.embedding_dim:
        raise WeightsMismatchError(
            f"model {handle.name!r} declares embeddings of length {handle.embedding_dim} and "
            f"its network gives {features.shape[1]}. Correct backbone.embedding_dim."
        )
    return features


def _features(
    module: "torch.nn.Module", images: "torch.Tensor", handle: ModelHandle
) -> "torch.Tensor":
    return pooled(*image_tokens(module, images), handle)


def batches(count: int, most: int) -> list[slice]:
    """Divide images among calls of the network: as few as may be, and of one size.

    Examples
    --------
    >>> batches(8, 7)
    [slice(0, 4, None), slice(4, 8, None)]
    """
    calls = -(-count // most)
    edges = [count * k // calls for k in range(calls + 1)] if calls else [0]
    return [slice(a, b) for a, b in pairwise(edges)]


def run_network(
    network: Network,
    images: Array,
    forward: "Callable[[torch.nn.Module, torch.Tensor], torch.Tensor]",
) -> Array:
    """Run a network on a device that others may use too, whatever the caller has set in torch.

    Shapes: `images` (n, 1, size, size) -> (n, ...).
    """
    torch = require("torch", extra="models")

    def run(batch: Array) -> Array:
        tensor = torch.from_numpy(batch)
        if network.device.type == "cuda":
            tensor = tensor.pin_memory().to(network.device, non_blocking=True)
        result = forward(network.module, tensor.to(network.dtype))
        return np.asarray(result.cpu().numpy())

    with plain_torch():
        if network.device.type == "cpu":
            return run(images)
        with _device_locks.setdefault(str(network.device), Lock()):
            return _halving(run, images, network)


def _halving(
    forward: Callable[[Array], Array], images: Array, network: Network
) -> Array:
    """Run in batches, halved each time the device is out of memory."""
    torch = require("torch", extra="models")
    parts: list[Array] = []
    start = 0
    while start < len(images):
        batch = images[start : start + network.batch]
        try:
            parts.append(forward(batch))
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            if len(batch) == 1:
                raise OceansarError(
                    f"{network.device} has not the memory for one vignette: {error}. Free it, "
                    "or use load_model(..., device='cpu')."
                ) from error
            network.batch = len(batch) // 2
        else:
            start += len(batch)
    return np.concatenate(parts)


@contextmanager
def share_of_threads(network: Network) -> Iterator[Callable[[], None]]:
    """Divide torch's threads among the blocks that run now; give the setting back at the end.

    Notes
    -----
    The setting belongs to the thread that makes it, and a new thread starts with the last one
    made anywhere: so the first block to start records the user's, and each restores that.
    """
    global _active_blocks, _thread_budget
    if network.device.type != "cpu":
        yield lambda: None
        return
    torch = require("torch", extra="models")
    with _threads_lock:
        if _active_blocks == 0:
            _thread_budget = torch.get_num_threads()
        _active_blocks += 1
    try:
        yield lambda: torch.set_num_threads(max(1, _thread_budget // _active_blocks))
    finally:
        with _threads_lock:
            _active_blocks -= 1
            torch.set_num_threads(_thread_budget)
