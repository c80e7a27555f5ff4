"""What a bundle says about physical parameters that a head takes beside, or without, the embedding."""

from dataclasses import dataclass

from xoceansar.models.spec.choices import require


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureBlock:
    """Numbers of one kind, in the order in which a head stacks them.

    Parameters
    ----------
    name : str
        Of the block, as ``texture``: the operation that measures it.
    columns : tuple of str
        What each number is: a variable, and the place in its own dims as
        ``texture_power[direction=45,statistic=mean,wavelength=141]``.
    units : tuple of str
        Of each column.
    measured_in : str
        What they were measured in, and how, where a block may be measured in several things of which
        it is not the same: ``cross-spectra, orthonormal``. Empty where it is always the same.

    Examples
    --------
    >>> FeatureBlock(name="cutoff", columns=("azimuth_cutoff",), units=("m",)).columns
    ('azimuth_cutoff',)
    """

    name: str
    columns: tuple[str, ...]
    units: tuple[str, ...]
    measured_in: str = ""

    def __post_init__(self) -> None:
        where = f"features[{self.name!r}]"
        require(self.name.isidentifier(), f"{where}.name", "an identifier", self.name)
        require(bool(self.columns), f"{where}.columns", "one or more", self.columns)
        twice = sorted({c for c in self.columns if self.columns.count(c) > 1})
        require(not twice, f"{where}.columns", "different from one another", twice)
        require(
            len(self.units) == len(self.columns),
            f"{where}.units",
            f"one for each of the {len(self.columns)} columns",
            self.units,
        )
