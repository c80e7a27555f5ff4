"""The words that a bundle may use, and how what is none of them is refused."""

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias, get_args

from xoceansar.errors import BundleError

Scale = Literal["dB", "linear", "roughness"]
Centre = Literal["global", "beam", "vignette"]
Pooling = Literal["cls", "mean", "cls+mean", "cls+mean+std", "cls+mean+std+max"]
HeadKind = Literal["linear", "logistic", "knn", "mlp", "distance"]
Ancillary = Literal[
    "sigma0_mean_db", "incidence", "gmf_wind", "texture_cos2", "texture_sin2"
]
Encoding = Literal["direct", "axis"]
Precision = Literal["auto", "bf16", "fp32"]
#: Whether all, a part or nothing of what a model learned from is simulated.
Simulated: TypeAlias = bool | Literal["partly"]

#: How far two calls of a network, with other images beside it or on another machine, may put the
#: numbers of one image apart: embeddings, wave heights and probabilities, which are of order 1.
TOLERANCE: Final[Mapping[str, float]] = {"fp32": 1e-5, "bf16": 5e-2}
#: Every pooling, with the number of token vectors that it concatenates.
POOLINGS: Final[Mapping[str, int]] = {
    "cls": 1,
    "mean": 1,
    "cls+mean": 2,
    "cls+mean+std": 3,
    "cls+mean+std+max": 4,
}
#: Every ancillary input of a head, in the only order in which heads stack them.
ANCILLARY: Final[tuple[str, ...]] = get_args(Ancillary)
#: What each is made from: coordinates of an embedding, and names of arguments.
SOURCES: Final[Mapping[str, tuple[str, ...]]] = {
    "sigma0_mean_db": ("sigma0_mean",),
    "incidence": ("incidence",),
    "gmf_wind": ("sigma0_mean", "incidence"),
    "texture_cos2": ("texture",),
    "texture_sin2": ("texture",),
}


def origin_in_words(simulated: object) -> str:
    """Say what a model was trained on where that is simulated; empty where it is not.

    Examples
    --------
    >>> origin_in_words("partly"), origin_in_words(False)
    ('partly simulated data', '')
    """
    if simulated == "partly":
        return "partly simulated data"
    return "simulated vignettes only" if simulated else ""


def require(condition: bool, where: str, needed: str, found: object) -> None:
    """Refuse a value of a field in words."""
    if not condition:
        raise BundleError(f"{where} must be {needed}; got {found!r}.")


def require_choice(value: object, where: str, choices: Any) -> None:
    """Refuse a value that is none of the choices."""
    known = tuple(choices)
    require(value in known, where, f"one of {list(known)}", value)


def require_positive(value: object, where: str) -> None:
    """Refuse what is no positive number."""
    ok = isinstance(value, int | float) and 0 < value < float("inf")
    require(ok, where, "a positive number", value)
