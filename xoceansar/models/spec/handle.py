"""A model by name: what travels in a Dask graph in place of a network."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

from xoceansar._html import card
from xoceansar._paths import read_regular
from xoceansar.errors import BundleError
from xoceansar.models.spec.architecture import check_patches
from xoceansar.models.spec.backbone_spec import BackboneSpec
from xoceansar.models.spec.choices import (
    Precision,
    Simulated,
    origin_in_words,
    require,
    require_choice,
)
from xoceansar.models.spec.detector_spec import DetectorSpec
from xoceansar.models.spec.head_spec import HeadSpec
from xoceansar.models.spec.input_spec import InputSpec

#: Bytes of a model card.
_LARGEST_CARD: Final = 2**24


T_Spec = TypeVar("T_Spec", HeadSpec, DetectorSpec)


class ByName(tuple[T_Spec, ...]):
    """Specs in the order of the bundle, which are also found by their names."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            return super().__getitem__(key)
        named = {spec.name: spec for spec in self}
        if key not in named:
            raise BundleError(
                f"there is no {key!r} in this model; it has {list(named)}."
            )
        return named[key]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ModelHandle:
    """A model, named and described, without its weights.

    It is small, hashable and picklable: methods and Dask tasks carry it, and each process reads
    the weights once, when it first needs them. Made by `load_model` and `write_bundle`.

    Parameters
    ----------
    name : str
        Name of the bundle.
    path : str
        Folder of the bundle on this machine.
    backbone : BackboneSpec
        The network.
    input : InputSpec
        What it takes.
    heads : tuple of HeadSpec
        What can be retrieved; ``handle.heads["swh"]`` finds one by its name.
    detectors : tuple of DetectorSpec
        What can be found in the images; by name too.
    simulated : bool or "partly"
        Whether it was trained on simulated vignettes only, or on data of which a part is simulated.
    device : str
        ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:N``; resolved where the
        weights are loaded.
    precision : {"auto", "bf16", "fp32"}
        ``auto``: bf16 where the device computes it fast, else fp32.

    Examples
    --------
    >>> import xoceansar as xos
    >>> handle = xos.load_model("sim-vit-tiny")
    >>> handle.heads["swh"].units, handle.input.size, handle.simulated
    ('m', 384, True)
    """

    name: str
    path: str
    backbone: BackboneSpec
    input: InputSpec
    heads: tuple[HeadSpec, ...] = ByName()
    detectors: tuple[DetectorSpec, ...] = ByName()
    simulated: Simulated = False
    device: str = "auto"
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        object.__setattr__(self, "heads", ByName(self.heads))
        object.__setattr__(self, "detectors", ByName(self.detectors))
        require_choice(self.precision, "precision", get_args(Precision))
        require_choice(self.simulated, "simulated", (True, False, "partly"))
        known = self.device.split(":")[0] in ("auto", "cpu", "cuda")
        require(known, "device", "'auto', 'cpu', 'cuda' or 'cuda:N'", self.device)
        check_patches(self.input.size, self.backbone.patch_size)
        names = [head.name for head in self.heads]
        names += [detector.name for detector in self.detectors]
        twice = sorted({name for name in names if names.count(name) > 1})
        require(not twice, "heads and detectors", "of different names", twice)
        targets = {head.target for head in self.heads}
        crossed = {
            h.name: h.target
            for h in self.heads
            if h.name != h.target and h.name in targets
        }
        require(not crossed, "heads", "not named as what another head gives", crossed)

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of the backbone's weights: the identity of every embedding made with it."""
        return self.backbone.sha256

    @property
    def origin(self) -> str:
        """What it was trained on, where that is simulated; empty where it is not."""
        return origin_in_words(self.simulated)

    @property
    def embedding_dim(self) -> int:
        """Length of the embedding."""
        return self.backbone.embedding_dim

    @property
    def card(self) -> str:
        """The model card (README.md of the bundle); empty if there is none.

        Raises
        ------
        BundleError
            If it is not text in UTF-8.
        """
        readme = Path(self.path) / "README.md"
        if not readme.exists():
            return ""
        content = read_regular(readme, most=_LARGEST_CARD, error=BundleError)
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BundleError(
                f"the model card {readme} must be text in UTF-8: {error}. Save it again as UTF-8."
            ) from error

    def head(self, name: str) -> HeadSpec:
        """Find a head by its name or, failing that, by the variable that it gives.

        Parameters
        ----------
        name : str
            Name of a head or of its target; the first match in the bundle's order.

        Returns
        -------
        HeadSpec

        Raises
        ------
        BundleError
            If the bundle has none; the message lists what it has.

        Examples
        --------
        >>> import xoceansar as xos
        >>> xos.load_model().head("wind_speed").units
        'm s-1'
        """
        for matches in (
            [head for head in self.heads if head.name == name],
            [head for head in self.heads if name == head.target],
        ):
            if matches:
                return matches[0]
        known = {head.name: head.target for head in self.heads}
        raise BundleError(
            f"model {self.name!r} has no head for {name!r}; its heads give {known}. "
            "Use another model (model=...), or fit a head with xoceansar.train.fit."
        )

    def __dask_tokenize__(self) -> tuple[str, str]:
        """Identify the results: everything but the place of the files."""
        content = asdict(self)
        del content["path"]
        return ("xoceansar.ModelHandle", repr(content))

    def __repr__(self) -> str:
        size, spacing = self.input.size, self.input.spacing
        lines = [
            f"<ModelHandle {self.name}>",
            f"  backbone   {self.backbone.architecture}, "
            f"{self.backbone.pooling} -> {self.embedding_dim}, "
            f"weights {self.weights_sha256[:12]}",
            f"  input      sigma0 ({self.input.scale}), {size} x {size} px at {spacing:g} m, "
            f"{'/'.join(self.input.polarisations)}, {'/'.join(self.input.beams)}",
        ]
        for head in self.heads:
            units = f"{len(head.classes)} classes" if head.classes else head.units
            lines.append(
                f"  head       {head.name}: {head.target} [{units}], {head.kind}"
                + (f", of {head.inputs_in_words}" if head.features else "")
            )
        lines += [
            f"  detector   {detector.name}: boxes, score of {detector.threshold:.2g} or more"
            for detector in self.detectors
        ]
        lines.append(f"  runs on    {self.device}, {self.precision}")
        if self.simulated:
            lines.append(f"  trained on {self.origin}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        cautions = []
        if self.simulated:
            cautions.append(
                "Trained on simulated vignettes only: its numbers show how the tools work, and "
                "are no measurements."
            )
        return card(repr(self), warnings=cautions)
