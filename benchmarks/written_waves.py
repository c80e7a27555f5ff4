"""Waves by the complex images of written products, beside the seas that they were written from.

``--count`` seas of pure waves with heights of 1 to 6 m, each a product of the real size: some 15 s of a processor each.
"""

import argparse
import itertools
import math
import tempfile
import warnings
from collections.abc import Iterator

import numpy as np
from _report import report

import xoceansar as xos
from xoceansar.simulate.sea.scenes import Scene

GRAVITY = 9.81
#: Of a scene that a whole vignette fits into, m.
SIZE = 21_600.0


def seas(first: int) -> Iterator[Scene]:
    """Draw seas of 1 to 6 m."""
    for seed in itertools.count(first):
        view = xos.simulate.scene(seed, ocean_class="pure_ocean_waves", size=SIZE)
        if 1 <= view.truth["swh"] <= 6:
            yield view


def measure(view: Scene) -> dict[str, float]:
    """Write a sea, read it, and set what is measured beside what is true."""
    main = max(view.environment.swells, key=lambda one: one.height)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = xos.simulate.write_safe(folder, scenes=[view])
        ds = xos.open_wave_mode(path, complex=True, verify=False)
        spectra = ds.oceansar.spectra(grid="esa").compute(scheduler="synchronous")
        swell = spectra.oceansar.swell().compute().isel(vignette=0)
        cutoff = spectra.oceansar.cutoff().compute()
        moments = ds.oceansar.image_statistics().compute(scheduler="synchronous")
        heading = float(ds.ground_heading[0])
    direction = (heading + 90 - main.direction) % 360
    wavelength = GRAVITY * main.period**2 / (2 * math.pi)
    apart = (swell.swell_to_direction.values - direction + 180) % 360 - 180
    near = np.abs(np.where(np.isfinite(apart), apart, 180))
    axial = np.minimum(near, 180 - near)
    ratio = swell.swell_wavelength.values / wavelength
    # The system that is nearest to the true one, whichever its rank, and the highest.
    there = np.flatnonzero(np.isfinite(ratio))
    best = (
        int(there[np.argmin(axial[there] / 15 + 5 * np.abs(np.log(ratio[there])))])
        if there.size
        else 0
    )
    contrast = view.sigma0.astype(float)
    return {
        "beam": float(view.environment.beam == "wv2"),
        "swh": view.truth["swh"],
        "age": view.environment.inverse_wave_age,
        "height": main.height,
        "wavelength": wavelength,
        "along": abs(math.sin(math.radians(main.direction))),
        "apart": float(near[best]),
        "apart_highest": float(near[0]),
        "wavelength_ratio": float(ratio[best]),
        "height_error": float(swell.swell_height.values[best]) - main.height,
        "cutoff": float(cutoff.azimuth_cutoff[0]),
        "cutoff_true": view.truth["azimuth_cutoff"],
        "variance": float(moments.normalised_variance[0]),
        "variance_true": 1 + 2 * float(np.var(contrast) / np.mean(contrast) ** 2),
    }


def main() -> None:
    """Print one line for each sea, and the bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--each", action="store_true", help="print every sea")
    arguments = parser.parse_args()
    rows = []
    for view in itertools.islice(seas(arguments.seed), arguments.count):
        rows.append(measure(view))
        if arguments.each:
            print(
                {name: round(value, 3) for name, value in rows[-1].items()}, flush=True
            )
    table = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    high = table["height"] > 1.5
    right = table["apart"][high] <= 15
    share = float(np.mean(right))
    reversed_ = float(np.mean(table["apart"][high] > 90))
    ratio = float(np.nanmedian(np.abs(table["wavelength_ratio"][high] - 1)))
    cut = float(np.nanmedian(np.abs(table["cutoff"] / table["cutoff_true"] - 1)))
    variance = float(np.nanmedian(np.abs(table["variance"] - table["variance_true"])))
    report(
        "waves.direction_right",
        share,
        "share of main swells over 1.5 m",
        ">= 0.95",
        share >= 0.95,
    )
    report(
        "waves.direction_reversed",
        reversed_,
        "share of main swells over 1.5 m",
        "",
        None,
    )
    report(
        "waves.wavelength_error", ratio, "median, relative", "<= 0.05", ratio <= 0.05
    )
    report(
        "waves.cutoff_error",
        cut,
        "median, relative to pi R/V sigma_v",
        "<= 0.1",
        cut <= 0.1,
    )
    report("waves.variance_error", variance, "median", "<= 0.02", variance <= 0.02)
    for beam, name in ((0.0, "wv1"), (1.0, "wv2")):
        for young, age in ((False, "old"), (True, "young")):
            rows_of = (table["beam"] == beam) & ((table["age"] > 1.2) == young)
            if rows_of.any():
                rmse = float(np.sqrt(np.nanmean(table["height_error"][rows_of] ** 2)))
                report(f"waves.swell_height_rmse.{name}.{age}", rmse, "m", "", None)


if __name__ == "__main__":
    main()
