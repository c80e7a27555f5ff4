"""What a detector learns from: images, patch tokens of the frozen backbone, and boxes."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar._paths import local_target
from xoceansar._typing import Array
from xoceansar.errors import MissingVariableError, TrainingError, warn
from xoceansar.layout.image_identity import digest_images
from xoceansar.layout.images import (
    Quantity,
    check_images,
    find_images,
    incidence_ends,
    profile_between,
)
from xoceansar.models.bundle.weight_files import sha256_of
from xoceansar.models.inference.detection_blocks import token_block
from xoceansar.models.inference.runtime import precision_bits
from xoceansar.models.spec import ModelHandle

#: Files of a prepared set: network input and patch tokens.
_FILES: Final = ("images.npy", "tokens.npy")
#: Vignettes that are read and run at a time.
_BLOCK: Final = 32
#: A target that a crop cuts counts where at least this part of it is inside.
_LEAST_PART: Final = 0.3
#: Part of the crops that are put around a target.
_AROUND: Final = 0.6


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Vignettes as the detector sees them."""

    #: (n, size, size), float16: Network input; NaN where a vignette cannot be used.
    images: Array
    #: (n, rows, columns, width), float16: Patch tokens.
    tokens: Array
    #: Targets of each vignette: ``line_min, sample_min, line_max, sample_max``, in pixels.
    boxes: Sequence[Array]
    #: The usable vignettes.
    rows: npt.NDArray[np.intp]

    @property
    def patch(self) -> int:
        """Pixels in a patch."""
        return int(self.images.shape[1] // self.tokens.shape[1])

    def crop(
        self, row: int, top: int, left: int, side: int
    ) -> tuple[Array, Array, npt.NDArray[np.float32]]:
        """Cut a square out of a vignette."""
        rows, columns = slice(top, top + side), slice(left, left + side)
        patch = self.patch
        image = self.images[
            row,
            top * patch : (top + side) * patch,
            left * patch : (left + side) * patch,
        ]
        shift = np.array([top, left, top, left]) * patch
        return (
            image,
            self.tokens[row, rows, columns],
            _clip(self.boxes[row] - shift, side * patch),
        )


class Crops:
    """Random squares of the vignettes, most of them with a target in it.

    Their side is a multiple of the patch.
    """

    def __init__(self, examples: TrainingSet, *, side: int, seed: int) -> None:
        self._examples = examples
        self._grid = int(examples.tokens.shape[1])
        self._side, rest = divmod(side, examples.patch)
        if rest or not 0 < self._side <= self._grid:
            raise TrainingError(
                f"a crop must have whole patches of {examples.patch} pixels, and "
                f"{examples.images.shape[1]} pixels at most; got {side}."
            )
        self._with = [int(row) for row in examples.rows if len(examples.boxes[row])]
        if not self._with:
            raise TrainingError(
                f"none of the {len(examples.rows)} usable vignettes has a target to learn from."
            )
        self._rng = np.random.default_rng(seed)

    def draw(self, n: int) -> tuple[Array, Array, list[npt.NDArray[np.float32]]]:
        """Draw crops."""
        drawn = [self._one() for _ in range(n)]
        images, tokens, boxes = zip(*drawn, strict=True)
        return (
            np.stack(images)[:, None].astype(np.float32),
            np.stack(tokens).astype(np.float32),
            list(boxes),
        )

    def _one(self) -> tuple[Array, Array, npt.NDArray[np.float32]]:
        rng, last = self._rng, self._grid - self._side
        if rng.random() < _AROUND:
            row = int(rng.choice(self._with))
            box = self._examples.boxes[row][
                rng.integers(len(self._examples.boxes[row]))
            ]
            centre = (box[:2] + box[2:]) / 2 / self._examples.patch
            corner = centre - rng.uniform(0.05, 0.95, 2) * self._side
            top, left = np.clip(np.round(corner), 0, last).astype(int)
        else:
            row = int(rng.choice(self._examples.rows))
            top, left = rng.integers(0, last + 1, 2)
        return self._examples.crop(row, int(top), int(left), self._side)


def _clip(boxes: Array, side: float) -> npt.NDArray[np.float32]:
    inside = np.clip(boxes, 0, side)
    area, whole = (
        np.clip(b[:, 2:] - b[:, :2], 0, None).prod(axis=1) for b in (inside, boxes)
    )
    kept: npt.NDArray[np.float32] = inside[area > _LEAST_PART * whole].astype(
        np.float32
    )
    return kept


def check_boxes(boxes: Array, names: Array) -> None:
    """Refuse boxes that are not fractions of the image.

    Shapes: `boxes` (n, iceberg, 4), `names` (n,).
    """
    given = np.isfinite(boxes)
    partial = given.any(-1) & ~given.all(-1)
    with np.errstate(invalid="ignore"):
        outside = ((boxes < 0) | (boxes > 1)).any(-1)
        empty = (boxes[..., 2:] <= boxes[..., :2]).any(-1)
    for wrong, what in (
        (partial, "an edge that is missing"),
        (
            outside,
            "an edge outside 0 to 1 (pixels must be divided by the image's size)",
        ),
        (empty, "no extent (edges are line_min, sample_min, line_max, sample_max)"),
    ):
        if wrong.any():
            row, number = np.argwhere(wrong)[0]
            raise TrainingError(
                f"boxes are fractions of the image; vignette {names[row]} has a box with "
                f"{what}: {boxes[row, number].tolist()}."
            )


def prepare(
    ds: xr.Dataset, handle: ModelHandle, boxes: str, folder: Path
) -> TrainingSet:
    """Run the frozen backbone over a Dataset, and keep on disk what a detector learns from."""
    if boxes not in ds:
        raise MissingVariableError(
            f"a detector learns from the variable {boxes!r} (vignette, iceberg, edge); found "
            f"{sorted(map(str, ds.data_vars))}."
        )
    images, quantity = find_images(ds)
    check_images(images, handle.input, handle.name)
    truth = np.asarray(ds[boxes].values, dtype=np.float64)
    names = (
        ds["vignette_id"].values
        if "vignette_id" in ds.coords
        else np.arange(len(truth))
    )
    check_boxes(truth, names)
    size, width = handle.input.size, handle.backbone.width
    side = size // (handle.backbone.patch_size or 1)
    shapes = ((len(truth), size, size), (len(truth), side, side, width))
    cache = local_target(folder, "a cache")
    made = cache / f"examples-{_identity(handle, images, quantity)}"
    if not made.exists():
        with _draft(made) as draft:
            seen, tokens = (
                np.lib.format.open_memmap(draft / name, "w+", np.float16, shape)
                for name, shape in zip(_FILES, shapes, strict=True)
            )
            _fill(seen, tokens, images, handle, quantity)
    seen, tokens = (np.load(made / name, mmap_mode="r") for name in _FILES)
    rows = np.flatnonzero(np.isfinite(tokens[:, 0, 0, 0]))
    if not len(rows):
        raise TrainingError(f"none of the {len(truth)} vignettes can be used.")
    pixels = _in_pixels(truth, images.shape[-2:], size)
    beyond = int(np.isfinite(truth[..., 0]).sum()) - sum(map(len, pixels))
    if beyond:
        warn(
            f"{beyond} boxes lie outside of the {size} x {size} pixels in the middle of a vignette, "
            f"which is what model {handle.name!r} sees, and are left out. Cut vignettes of that size "
            "to learn from them too."
        )
    return TrainingSet(seen, tokens, pixels, rows)


def _identity(handle: ModelHandle, images: xr.DataArray, quantity: Quantity) -> str:
    """Name what was prepared, by the model and the pixels."""
    model = f"{handle.backbone} {handle.input} {precision_bits(handle)}"
    text = f"{model} {digest_images(images, quantity)}"
    return sha256_of(text.encode())[:24]


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """Give a folder to fill, which becomes `target` when it is whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="draft-") as name:
        draft = Path(name) / "whole"
        draft.mkdir()
        yield draft
        with suppress(OSError):  # another process was faster
            draft.rename(target)
        if not target.exists():
            raise TrainingError(f"{target} cannot be written. Choose another cache=.")


def _fill(
    seen: Array,
    tokens: Array,
    images: xr.DataArray,
    handle: ModelHandle,
    quantity: Quantity,
) -> None:
    ends, core = incidence_ends(images, handle.input, handle.name)
    angle: Array = np.asarray(ends.values, dtype=np.float64)
    if core:
        angle = profile_between(angle, images.sizes["sample"])
    angle = np.broadcast_to(angle, (len(seen), *angle.shape[1:]))
    for start in range(0, len(seen), _BLOCK):
        part = slice(start, start + _BLOCK)
        shown, made = token_block(
            images[part].values, angle[part], handle=handle, quantity=quantity
        )
        seen[part], tokens[part] = shown[:, 0], made


def _in_pixels(truth: Array, shape: Sequence[int], size: int) -> list[Array]:
    """Boxes in pixels of the centre crop that the network sees."""
    scale = np.array([*shape, *shape], dtype=np.float64)
    shift = np.array([(length - size) // 2 for length in shape] * 2)
    known = [boxes[np.isfinite(boxes[:, 0])] for boxes in truth]
    return [_clip(boxes * scale - shift, size) for boxes in known]
