"""What is known of a network in an ONNX file: features in, variables out."""

import re
from dataclasses import dataclass, field
from typing import Final

from xoceansar.errors import BundleError

_NAMED: Final = re.compile(r"(?P<name>[^\[\]]+?)\s*(\[(?P<dims>[^\[\]]*)\])?")


@dataclass(frozen=True, slots=True)
class NamedArray:
    """A variable, and the dims of its own that it has beside those of the vignettes.

    Parameters
    ----------
    name : str
        Of the variable.
    dims : tuple of str
        In the order in which the network counts them, the last one fastest.

    Examples
    --------
    >>> NamedArray.of("cwave_params[k_gp, phi_hf]")
    NamedArray(name='cwave_params', dims=('k_gp', 'phi_hf'))
    """

    name: str
    dims: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str) -> "NamedArray":
        """Read ``name`` or ``name[dim, dim]``."""
        match = _NAMED.fullmatch(str(text).strip())
        if match is None:
            raise BundleError(
                f"a variable is named as 'swh' or 'cwave[polynomial, harmonic]'; got {text!r}."
            )
        dims = tuple(d.strip() for d in (match["dims"] or "").split(",") if d.strip())
        return cls(match["name"].strip(), dims)

    def __str__(self) -> str:
        return f"{self.name}[{', '.join(self.dims)}]" if self.dims else self.name


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class OnnxNetwork:
    """A network of an ONNX file, described, without its weights.

    It is small, hashable and picklable, and travels in a Dask graph; each process reads the file
    once. Made by `xoceansar.open_onnx`, applied by ``ds.oceansar.predict``.

    Parameters
    ----------
    name : str
        Of the file.
    path, sha256 : str
        Where the file is, and which it is.
    inputs : tuple
        For each input of the graph its name, its shape for one vignette (None where it is open) and the
        features that it takes.
    outputs : tuple
        For each output that is wanted its name, its shape for one vignette and the variables that it gives.
    batch : int or None
        Vignettes that the graph takes at once; None for any number.
    units : tuple of (str, str)
        Of variables, in and out.
    domain : tuple of (str, tuple, tuple)
        For a feature the least and greatest value, one of each or one for each of its columns.
    scale : bool
        Whether features are scaled to 0..1 by the domain before the network sees them.

    Examples
    --------
    >>> OnnxNetwork(
    ...     name="hs.onnx",
    ...     path="hs.onnx",
    ...     sha256="0" * 64,
    ...     inputs=(("input", (1,), (NamedArray("swell"),)),),
    ...     outputs=(("pred", (1,), (NamedArray("swh"),)),),
    ... )
    <OnnxNetwork hs.onnx: swell -> swh>
    """

    name: str
    path: str
    sha256: str
    inputs: tuple[tuple[str, tuple[int | None, ...], tuple[NamedArray, ...]], ...]
    outputs: tuple[tuple[str, tuple[int, ...], tuple[NamedArray, ...]], ...]
    batch: int | None = None
    units: tuple[tuple[str, str], ...] = ()
    domain: tuple[tuple[str, tuple[float, ...], tuple[float, ...]], ...] = ()
    scale: bool = field(default=False)

    @property
    def features(self) -> tuple[NamedArray, ...]:
        """Everything that it takes, in order."""
        return tuple(one for _, _, features in self.inputs for one in features)

    def __dask_tokenize__(self) -> tuple[object, ...]:
        """Identify the results: everything but the place of the file."""
        return (
            "xoceansar.OnnxNetwork", self.sha256, self.inputs, self.outputs, self.batch,
            self.units, self.domain, self.scale,
        )  # fmt: skip

    def __repr__(self) -> str:
        given = [str(v) for _, _, variables in self.outputs for v in variables]
        taken = ", ".join(map(str, self.features))
        return f"<OnnxNetwork {self.name}: {taken} -> {', '.join(given)}>"
