"""In what vignettes differ from those that a model was trained on, and what is done about it."""

from typing import Any, Final, Literal

import numpy as np
import xarray as xr

from xoceansar.conventions import Domain, mask_attrs
from xoceansar.conventions.texts import plain_texts, text_values
from xoceansar.errors import DomainError, warn
from xoceansar.layout.images import centre_incidence, chunk_like
from xoceansar.models.spec import ModelHandle
from xoceansar.models.spec.intervals import INCIDENCE_MARGIN

#: What to do with vignettes that a model was not trained for.
OnDomain = Literal["flag", "raise"]

#: Incidence of the wave mode's beams over an orbit, degrees (ESA, Sentinel-1 User Guide).
_BEAMS: Final = {"wv1": (21.6, 25.1), "wv2": (34.8, 38.0)}
#: Coarsest pixels of the source that give the model's pixels a mean and not a copy, as a share.
_COARSEST: Final = 0.5


def trained_incidence(handle: ModelHandle) -> tuple[tuple[float, float], ...]:
    """Return the ranges of incidence that a model was trained on."""
    for head in handle.heads:
        if head.intervals is not None:
            return tuple(
                (ends[0] - INCIDENCE_MARGIN, ends[1] + INCIDENCE_MARGIN)
                for ends in head.intervals.incidence
            )
    beams = handle.input.beams
    ranges = [_BEAMS[beam] for beam in beams if beam in _BEAMS]
    return tuple(ranges) if len(ranges) == len(beams) else ()


def domain_flags(data: xr.DataArray, handle: ModelHandle) -> xr.DataArray | None:
    """Say in what each vignette differs from those that a model was trained on.

    Notes
    -----
    Lazy coordinates give a lazy answer. Images that were converted to another polarisation are
    flagged by the one that was measured (``observed_polarisation``).
    """
    flags: xr.DataArray | None = None
    for bit, outside in _tests(data, handle):
        part = outside.astype(np.uint8) * np.uint8(bit.value)
        flags = part if flags is None else flags | part
    if flags is None:
        return None
    out = flags.astype(np.uint8).rename("domain")
    out.attrs = mask_attrs("domain")
    return out


def _tests(
    data: xr.DataArray, handle: ModelHandle
) -> list[tuple[Domain, xr.DataArray]]:
    spec = handle.input
    departures = []
    for bit, name, trained in (
        (Domain.POLARISATION, "polarisation", spec.polarisations),
        (Domain.POLARISATION, "observed_polarisation", spec.polarisations),
        (Domain.BEAM, "beam", spec.beams),
    ):
        if name in data.coords and trained:
            departures.append(
                (bit, ~plain_texts(_bare(data, name)).isin(list(trained)))
            )
    incidence, ranges = centre_incidence(data), trained_incidence(handle)
    if incidence is not None and ranges:
        inside = incidence.isnull()  # said by the beam, which is known
        for low, high in ranges:
            inside = inside | ((incidence >= low) & (incidence <= high))
        departures.append((Domain.INCIDENCE, ~inside))
    if "source_spacing" in data.coords:
        coarse = _bare(data, "source_spacing") > _COARSEST * spec.spacing
        departures.append((Domain.RESOLUTION, coarse))
    return departures


def _bare(data: xr.DataArray, name: str) -> xr.DataArray:
    values: xr.DataArray = data.coords[name].reset_coords(drop=True)
    return values


def guard(
    data: xr.DataArray, handle: ModelHandle, on_domain: OnDomain
) -> xr.DataArray | None:
    """Flag what a model was not trained on, or refuse it."""
    if on_domain not in ("flag", "raise"):
        raise DomainError(f"on_domain must be 'flag' or 'raise'; got {on_domain!r}.")
    flags = domain_flags(data, handle)
    if flags is None:
        return None
    if flags.chunks is not None:
        if on_domain == "raise":
            raise DomainError(
                "on_domain='raise' needs coordinates in memory; those of these vignettes are "
                "lazy. Load them, as ds.assign_coords(beam=ds.beam.load()), or tile a DataTree."
            )
        return flags
    values = np.atleast_1d(flags.values)
    check_polarisation(data, handle)
    if not values.any():
        return flags
    text = _in_words(data, handle, values)
    if on_domain == "raise":
        raise DomainError(f"{text}. Choose another model, or on_domain='flag'.")
    flags.attrs["comment"] = text
    warn(
        f"{text}. Those of another polarisation are missing; the others have values, flagged "
        "('domain', and 'out_of_domain' in the quality) and not validated there. "
        "on_domain='raise' refuses."
    )
    return flags


def domain_words(data: xr.DataArray) -> dict[str, str]:
    """Give the attribute of results that says in what vignettes are outside."""
    if "domain" not in data.coords or "comment" not in data["domain"].attrs:
        return {}
    return {"domain_comment": str(data["domain"].attrs["comment"])}


def refused(flags: xr.DataArray | None, data: xr.DataArray) -> xr.DataArray | None:
    """Say which vignettes are missing for their polarisation."""
    if flags is None or "polarisation" not in data.coords:
        return None
    bad = (flags & np.uint8(Domain.POLARISATION.value)) != 0
    if "observed_polarisation" in data.coords:
        converted = _bare(data, "observed_polarisation") != _bare(data, "polarisation")
        bad = bad & ~converted
    in_memory = bad.chunks is None
    return None if in_memory and not bool(bad.any()) else chunk_like(bad, data)


def check_polarisation(data: xr.DataArray, handle: ModelHandle) -> None:
    """Refuse vignettes none of which has a polarisation of the model."""
    trained = handle.input.polarisations
    if "polarisation" not in data.coords or not trained:
        return
    values = np.atleast_1d(text_values(_bare(data, "polarisation")))
    if values.size and not np.isin(values, trained).any():
        present = sorted(set(values.tolist()))
        raise DomainError(
            f"model {handle.name!r} was trained on polarisation {list(trained)}; every vignette "
            f"here has {present}. Choose another model with model=..., see "
            "xoceansar.load_model; or convert HH with .oceansar.to_vv(), which applies a "
            "published ratio of the sea."
        )


def _in_words(data: xr.DataArray, handle: ModelHandle, values: Any) -> str:
    parts = []
    for bit, outside in _tests(data, handle):
        if not bool(outside.any()):
            continue
        parts.append({
            Domain.POLARISATION: lambda: _named(data, "polarisation", handle.input.polarisations),
            Domain.BEAM: lambda: _named(data, "beam", handle.input.beams),
            Domain.INCIDENCE: lambda: _angles(data, handle),
            Domain.RESOLUTION: lambda: (
                f"source pixels of {float(data['source_spacing'].max()):g} m, too coarse for "
                f"those of {handle.input.spacing:g} m"
            ),
        }[bit]())  # fmt: skip
    count = int(np.count_nonzero(values))
    return (
        f"{count} of {values.size} vignettes differ from what model {handle.name!r} was trained "
        f"on: {'; '.join(dict.fromkeys(parts))}"
    )


def _named(data: xr.DataArray, name: str, trained: tuple[str, ...]) -> str:
    names = [n for n in (f"observed_{name}", name) if n in data.coords]
    others = sorted(set(map(str, np.atleast_1d(data[names[0]].values))) - set(trained))
    return f"{name} {', '.join(others)} and not {', '.join(trained)}"


def _angles(data: xr.DataArray, handle: ModelHandle) -> str:
    angle = centre_incidence(data)
    assert angle is not None
    ranges = " or ".join(f"{a:.1f} to {b:.1f}" for a, b in trained_incidence(handle))
    return f"incidence {float(angle.min()):.1f} to {float(angle.max()):.1f} degrees and not {ranges}"
