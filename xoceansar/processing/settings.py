"""What is computed of every product of an archive; the same for all of them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from xoceansar._version import __version__
from xoceansar.conventions.beams import Beam
from xoceansar.errors import ArchiveError, BundleError
from xoceansar.io.safe.vignette_source import Reader
from xoceansar.models.spec import ModelHandle

__all__ = [
    "COMPLEX_OUTPUTS",
    "OUTPUTS",
    "Output",
    "Settings",
    "choose_outputs",
    "fingerprint",
]

Output = Literal[
    "embedding",
    "swh",
    "wind",
    "class",
    "icebergs",
    "quality",
    "texture",
    "spectra",
    "cutoff",
    "cwave",
    "statistics",
    "swell",
    "doppler",
    "level",
    "sigma0",
]

#: Outputs, and the target of the head that each needs.
OUTPUTS: Final[dict[Output, str | None]] = {
    "embedding": None,
    "swh": "swh",
    "wind": "wind_speed",
    "class": "ocean_class",
    "icebergs": None,
    "quality": None,
    "texture": None,
    "spectra": None,
    "cutoff": None,
    "cwave": None,
    "statistics": None,
    "swell": None,
    "doppler": None,
    "level": None,
    "sigma0": None,
}
#: Outputs that need the complex image.
COMPLEX_OUTPUTS: Final[frozenset[Output]] = frozenset(
    {"spectra", "cutoff", "cwave", "statistics", "swell", "doppler"}
)
#: Outputs that are only given where they are asked for.
_ASKED_FOR: Final = COMPLEX_OUTPUTS | {"texture", "level", "sigma0"}
#: Outputs that come without a model.
_PLAIN: Final = (_ASKED_FOR | {"quality"}) - {"level"}
_HOW_TO_GO_ON: Final = "Give the settings that the archive was made with, or another path for a new archive."


@dataclass(frozen=True)
class Settings:
    """What an archive holds.

    Parameters
    ----------
    outputs : tuple of str
        Of `OUTPUTS`, in its order.
    model, fingerprint : str
        Name of the model and a digest of its weights, heads and detectors; empty without one.
    confidence : float or None
        Of the intervals.
    threshold : float or None
        Least score of an iceberg.
    beam : str or None
        The one that is kept.
    spacing : float
        Metres between pixels.
    shape : tuple of int
        Pixels in azimuth and in range.
    reader : {"direct", "xsar"}
        Who calibrates.
    uncalibrated : bool
        Whether vignettes without calibration or noise are kept.
    version : str
        Of this package.
    """

    outputs: tuple[Output, ...]
    model: str
    fingerprint: str
    confidence: float | None
    threshold: float | None
    beam: Beam | None
    spacing: float
    shape: tuple[int, int]
    reader: Reader
    uncalibrated: bool
    version: str = __version__

    def to_json(self) -> str:
        """Write the settings as text, which an archive carries as an attribute."""
        return json.dumps(asdict(self), sort_keys=True)

    def check(self, written: str, where: str) -> None:
        """Refuse to add to an archive that was made with other settings."""
        differences = differences_of(json.loads(written), json.loads(self.to_json()))
        if differences:
            raise ArchiveError(
                f"{where} was made with other settings: {differences}. Rows of "
                f"both would not belong together. {_HOW_TO_GO_ON}"
            )


def differences_of(theirs: Mapping[str, Any], mine: Mapping[str, Any]) -> str:
    """Say by name how settings that were kept differ from those of today; empty where they do not."""
    return "; ".join(
        f"{name} {theirs.get(name)!r}, now {mine.get(name)!r}"
        for name in sorted({*theirs, *mine})
        if theirs.get(name) != mine.get(name)
    )


def choose_outputs(
    asked: Iterable[str] | None, handle: ModelHandle | None
) -> tuple[Output, ...]:
    """Check the outputs that were asked for against the model."""
    if asked is None:
        return tuple(
            name
            for name in OUTPUTS
            if name not in _ASKED_FOR and _lacks(name, handle) is None
        )
    wanted = {asked} if isinstance(asked, str) else set(asked)
    unknown = sorted(wanted - set(OUTPUTS))
    if unknown:
        raise ArchiveError(f"outputs {unknown} are none of {list(OUTPUTS)}.")
    for name in OUTPUTS:
        problem = _lacks(name, handle) if name in wanted else None
        if problem is not None:
            raise BundleError(f"output {name!r}: {problem}")
    return tuple(name for name in OUTPUTS if name in wanted or name == "quality")


def needs_model(outputs: Iterable[str] | None) -> bool:
    """Say whether outputs need a model."""
    if outputs is None:
        return True
    wanted = {outputs} if isinstance(outputs, str) else set(outputs)
    return not wanted <= _PLAIN


def _lacks(name: Output, handle: ModelHandle | None) -> str | None:
    """Why a model cannot give an output; None where it can."""
    if name in _PLAIN:
        return None
    if handle is None:
        return "a model is needed. Give model=..."
    if name == "icebergs" and not handle.detectors:
        return (
            f"model {handle.name!r} has no detector. Leave it out of outputs=..., or use another "
            "model."
        )
    target = OUTPUTS[name]
    if target is not None and all(head.target != target for head in handle.heads):
        return (
            f"model {handle.name!r} has no head for {target!r}; it has "
            f"{sorted(head.target for head in handle.heads)}. Leave it out of outputs=..."
        )
    return None


def fingerprint(handle: ModelHandle | None) -> str:
    """Give a digest that tells a model from every other."""
    if handle is None:
        return ""
    parts = [handle.weights_sha256]
    parts += [f"{head.name}:{head.sha256}" for head in handle.heads]
    parts += [f"{detector.name}:{detector.sha256}" for detector in handle.detectors]
    return " ".join(parts)
