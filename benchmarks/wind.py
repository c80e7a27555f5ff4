"""Wind of the shipped bundle beside CMOD5.N, with the direction and without, on the same vignettes.

Everything is simulated unless --data names an archive of other vignettes with their truth:

    python benchmarks/wind.py [--data ARCHIVE.zarr]

The reference direction is the truth with a normal error of 20 degrees, as that of a weather model.
"""

import argparse

import numpy as np
import xarray as xr
from _report import report

from xoceansar import simulate
from xoceansar.errors import OceansarError
from xoceansar.evaluate.metrics import direction_rmse, rmse

N, SEED = 300, 4_100_000
REFERENCE_ERROR = 20.0
#: Standard error, degrees, under which a direction of the image is taken.
SURE = 30.0
ICE = 5


def read(path: str | None) -> xr.Dataset:
    """Return vignettes with ``wind_speed`` and ``wind_to_direction``, without sea ice."""
    ds = simulate.vignettes(N, seed=SEED) if path is None else xr.open_zarr(path)
    absent = {"wind_speed", "wind_to_direction"} - set(map(str, ds.data_vars))
    if absent:
        raise OceansarError(
            f"the archive has no {sorted(absent)}: a truth with both is needed. Simulate it with "
            "xoceansar.simulate.vignettes, or add it by collocation."
        )
    if "ocean_class" in ds:
        ds = ds.isel(vignette=np.flatnonzero(ds["ocean_class"].values != ICE))
    return ds


def vector_rmse(ds: xr.Dataset, speed: np.ndarray, direction: np.ndarray) -> float:
    """Root mean square length of the difference of two winds, m/s."""
    true = ds["wind_speed"].values * np.exp(1j * np.radians(ds["wind_to_direction"].values))  # fmt: skip
    found = speed * np.exp(1j * np.radians(direction))
    return float(np.sqrt(np.nanmean(np.abs(found - true) ** 2)))


def speeds(ds: xr.Dataset, reference: xr.DataArray, model: xr.Dataset) -> None:
    """Report the speeds, and whether the model's is better than the direction-blind inversion."""
    truth = ds["wind_speed"].values
    images = ds.drop_vars(["wind_speed", "wind_to_direction"])
    by = {
        "model": model["wind_speed"],
        "cmod5n_blind": images.oceansar.gmf_wind()["wind_speed"],
        "cmod5n_reference": images.oceansar.gmf_wind(wind_to_direction=reference)[
            "wind_speed"
        ],
        "cmod5n_true": images.oceansar.gmf_wind(
            wind_to_direction=ds["wind_to_direction"]
        )["wind_speed"],
    }
    values = {name: np.asarray(speed.values) for name, speed in by.items()}
    blind = rmse(truth, values["cmod5n_blind"])
    for name, speed in values.items():
        score = rmse(truth, speed)
        bar = f"< CMOD5.N without a direction ({blind:.3g})" if name == "model" else ""
        report(f"wind.speed.{name}", score, "m/s", bar, score < blind if bar else None)
        for beam in ("wv1", "wv2"):
            rows = ds["beam"].values == beam
            if rows.any():
                part = rmse(truth[rows], speed[rows])
                report(f"wind.speed.{name}.{beam}", part, "m/s", "", None)
    for name in ("cmod5n_reference", "cmod5n_true"):
        direction = ds["wind_to_direction"] if name == "cmod5n_true" else reference
        score = vector_rmse(ds, values[name], direction.values)
        report(f"wind.vector.{name}", score, "m/s", "", None)


def directions(ds: xr.Dataset, reference: xr.DataArray, model: xr.Dataset) -> None:
    """Report the direction: its axis, and with the end that a reference or the truth chooses."""
    truth = ds["wind_to_direction"].values
    chosen = model["wind_to_direction"].values
    speed = model["wind_speed"].values
    error = model["wind_to_direction_standard_error"].values
    sure = error < SURE
    streaks = ds["ocean_class"].values == 1 if "ocean_class" in ds else np.zeros(len(truth), bool)  # fmt: skip
    for name, rows in (("all", error >= 0), ("sure", sure), ("streaks", streaks)):
        if not rows.any():
            continue
        axis = direction_rmse(truth[rows], chosen[rows], period=180)
        expected = float(np.sqrt((error[rows] ** 2).mean()))
        bar = f"{expected:.0f} expected by itself; chance 52"
        report(f"wind.axis.{name}", axis, "degree", bar, None)
        ended = direction_rmse(truth[rows], chosen[rows])
        report(f"wind.direction.{name}.reference", ended, "degree", "", None)
        report(f"wind.fraction.{name}", float(rows.mean()), "1", "", None)
    report("wind.vector.model", vector_rmse(ds, speed, chosen), "m/s", "", None)
    where = np.where(sure, chosen, reference.values)
    score = vector_rmse(ds, speed, where)
    report("wind.vector.model_direction_where_sure", score, "m/s", "", None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="a Zarr archive with its truth")
    ds = read(parser.parse_args().data)
    turn = np.random.default_rng(0).normal(0, REFERENCE_ERROR, ds.sizes["vignette"])
    reference = (ds["wind_to_direction"].load() + turn) % 360
    images = ds.drop_vars(["wind_speed", "wind_to_direction"])
    model = images.oceansar.wind(reference=reference).compute()
    speeds(ds, reference, model)
    directions(ds, reference, model)


if __name__ == "__main__":
    main()
