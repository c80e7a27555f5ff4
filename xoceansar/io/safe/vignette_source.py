"""One vignette to read: what a task carries, and what it loads of the annotations."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from xoceansar.errors import VignetteError
from xoceansar.io.containers import Store, check_md5
from xoceansar.io.eopf.slc_parts import read_annotation, read_calibration, read_noise
from xoceansar.io.eopf.slc_parts import read_numbers as read_complex
from xoceansar.io.eopf.slc_processing import read_processing
from xoceansar.io.eopf.zarr_groups import EopfStore
from xoceansar.io.guard import guard
from xoceansar.io.safe.annotation import (
    Annotation,
    Calibration,
    Noise,
    parse_annotation,
    parse_calibration,
    parse_noise,
)
from xoceansar.io.safe.azimuth_processing import AzimuthProcessing, parse_processing
from xoceansar.io.safe.ground_grid import GridSpec
from xoceansar.io.safe.pixels import read_numbers
from xoceansar.io.safe.plausibility import check_annotation
from xoceansar.io.safe.product import VignetteFiles
from xoceansar.io.safe.product_names import Role, VignetteName

__all__ = [
    "Options",
    "Reader",
    "Source",
    "Tables",
    "load_annotation",
    "load_annotations",
    "load_numbers",
    "load_processing",
    "load_tables",
    "read_file",
    "require_file",
]

Reader = Literal["direct", "xsar"]
_Table = TypeVar("_Table", Calibration, Noise)

#: Bytes that an annotation, a calibration or a noise file may have: real ones have up to 0.4 MB.
_XML_BYTES: Final = 16 << 20


@dataclass(frozen=True)
class Options:
    """How to read; the same for every vignette of a call.

    Parameters
    ----------
    reader : {"direct", "xsar"}
        Who calibrates.
    grid : GridSpec
        Size of the output.
    raises : bool
        Whether a vignette that cannot be read stops the call.
    uncalibrated : bool
        Whether to go on without a calibration or noise file.
    land : bool
        Whether to look up land.
    """

    reader: Reader
    grid: GridSpec
    raises: bool
    uncalibrated: bool
    land: bool


@dataclass(frozen=True)
class Source:
    """A vignette by its files.

    Parameters
    ----------
    store : Store
        The product's files.
    files : VignetteFiles
        Those of the vignette.
    noise_scaling : float
        Factor of the noise vectors.
    readable : bool
        False where opening already found, and reported, that it cannot be read.
    annotation : Annotation or None
        What opening read.
    simulated : bool
        Whether its product is.
    """

    store: Store
    files: VignetteFiles
    noise_scaling: float
    readable: bool = True
    annotation: Annotation | None = field(default=None, compare=False)
    simulated: bool = False

    @property
    def vignette(self) -> str:
        """Identifier of the vignette."""
        return self.files.name.stem


@dataclass(frozen=True, eq=False)
class Tables:
    """Calibration and noise of a vignette; None where the file is missing and may be.

    Parameters
    ----------
    calibration : Calibration or None
        Calibration.
    noise : Noise or None
        Thermal noise.
    """

    calibration: Calibration | None
    noise: Noise | None


def load_annotation(source: Source) -> Annotation:
    """Read the product annotation of a vignette."""
    (note,) = load_annotations([source])
    if isinstance(note, VignetteError):
        raise note
    return note


def load_annotations(sources: Sequence[Source]) -> list[Annotation | VignetteError]:
    """Read the product annotations of vignettes; of one that cannot be read, say why.

    Each step is taken for all of them: in turns the steps would push each other out of the cache.
    """
    notes = [_attempt(_parse_annotation, source) for source in sources]
    return [
        note
        if isinstance(note, VignetteError)
        else _attempt(_check_annotation, source, note)
        for source, note in zip(sources, notes, strict=True)
    ]


def _attempt(
    step: Callable[..., Annotation], *args: Source | Annotation
) -> Annotation | VignetteError:
    try:
        return step(*args)
    except VignetteError as error:
        return error


def _parse_annotation(source: Source) -> Annotation:
    store, path = source.store, require_file(source, "annotation")
    where = store.where(path)
    with guard(source.vignette, where):
        if isinstance(store, EopfStore):
            return read_annotation(store, path)
        data = read_file(source, "annotation")
        return parse_annotation(data, source.files.name, where)


def _check_annotation(source: Source, note: Annotation) -> Annotation:
    where = source.store.where(source.files.path("annotation"))
    with guard(source.vignette, where):
        check_annotation(note, source.files.name, where)
        return note


def load_tables(source: Source, *, uncalibrated: bool) -> Tables:
    """Read the calibration and noise files of a vignette."""
    calibration = _load(
        source, "calibration", parse_calibration, read_calibration, uncalibrated
    )
    return Tables(
        calibration, _load(source, "noise", parse_noise, read_noise, uncalibrated)
    )


def load_processing(source: Source) -> AzimuthProcessing:
    """Read how a vignette was focused."""
    store, path = source.store, require_file(source, "annotation")
    with guard(source.vignette, store.where(path)):
        if isinstance(store, EopfStore):
            return read_processing(store, path)
        return parse_processing(read_file(source, "annotation"), store.where(path))


def load_numbers(
    source: Source, note: Annotation
) -> npt.NDArray[np.int16] | npt.NDArray[np.float32]:
    """Read or map the complex digital numbers of a vignette.

    Shapes: gives (line, 2 * sample).
    """
    store, path = source.store, require_file(source, "measurement")
    with guard(source.vignette, store.where(path)):
        if isinstance(store, EopfStore):
            return read_complex(store, path, note.lines, note.samples)
        md5 = source.files.md5.get("measurement")
        return read_numbers(store, path, note.lines, note.samples, md5)


def _load(
    source: Source,
    role: Role,
    parse: Callable[[bytes, VignetteName, str], _Table],
    read: Callable[[EopfStore, str, str], _Table],
    optional: bool,
) -> _Table | None:
    if optional and not _is_there(source, role):
        return None
    store, path = source.store, require_file(source, role)
    where = store.where(path)
    with guard(source.vignette, where):
        if isinstance(store, EopfStore):
            image = source.files.path("measurement").rpartition("/")[0]
            return read(store, path, image)
        return parse(read_file(source, role), source.files.name, where)


def require_file(source: Source, role: Role) -> str:
    """Return the path of a file that the vignette cannot do without."""
    path = source.files.path(role)
    if _is_there(source, role):
        return path
    hint = (
        ", or pass uncalibrated=True to go on without it"
        if role in ("calibration", "noise")
        else ", or leave the vignette out with vignettes=..."
    )
    raise VignetteError(
        f"vignette {source.vignette}: its {role} file {source.store.where(path)} is "
        f"missing. Download the product again{hint}."
    )


def _is_there(source: Source, role: Role) -> bool:
    path = source.files.path(role)
    with guard(source.vignette, source.store.where(path)):
        return source.store.size(path) is not None


def read_file(source: Source, role: Role) -> bytes:
    """Read an XML file, and hold it to its checksum."""
    path = require_file(source, role)
    with guard(source.vignette, source.store.where(path)):
        data = source.store.read(path, _XML_BYTES)
        check_md5(data, source.files.md5.get(role), source.store.where(path))
        return data
