"""From a wide swath to fields of wind and wave height on a map.

Runs without any data, in about a minute: a swath of 120 x 160 km is simulated first, whose wind grows from
south to north. Give the path of a Sentinel-1 GRD product, or of anything else that xsar opens, to
use that instead:

    python examples/wide_swath.py [PRODUCT.SAFE]
"""

import sys
import tempfile
from pathlib import Path

import dask.array as da
import numpy as np
import xarray as xr

import xoceansar  # noqa: F401, registers the accessors
from xoceansar.sar import cmod5n, offset_position

LINES, SAMPLES, STEP = 4800, 6400, 25.0
HEADING = -12.0
#: Wind direction from the look direction, degrees.
PHI = 45.0


def wind_at(along: np.ndarray) -> np.ndarray:
    """Return the simulated wind speed at a share of the length of the swath, m s-1."""
    return 5.0 + 8.0 * along


def simulated() -> xr.DataTree:
    """Simulate a swath as xsar would open it: images on demand, positions on a coarse grid."""
    line, sample = np.linspace(0, LINES - 1, 9), np.linspace(0, SAMPLES - 1, 9)
    longitude, latitude = offset_position(
        -9.0, 44.5, HEADING,
        (line[:, None] - LINES / 2) * STEP, (sample[None] - SAMPLES / 2) * STEP,
    )  # fmt: skip
    angle = np.broadcast_to(np.linspace(31.0, 43.0, 9), (9, 9))
    coarse = xr.Dataset(
        {
            "longitude": (("line", "sample"), longitude),
            "latitude": (("line", "sample"), latitude),
            "incidenceAngle": (("line", "sample"), angle),
        },
        coords={"line": line, "sample": sample},
    )

    def sea(block_info: dict | None = None) -> np.ndarray:
        (first, last), (near, far) = block_info[None]["array-location"]
        along = np.arange(first, last)[:, None] / LINES
        across = np.arange(near, far, 100)[None] / SAMPLES
        rows = along[::100]
        level = cmod5n(wind_at(rows), PHI, 31.0 + 12.0 * across)
        level = level.repeat(100, 0).repeat(100, 1)[: last - first, : far - near]
        rng = np.random.default_rng([first, near])
        speckle = rng.standard_gamma(4.4, level.shape, dtype=np.float32) / 4.4
        return (level * speckle).astype(np.float32)

    chunks = da.core.normalize_chunks((800, 1600), (LINES, SAMPLES), dtype=np.float32)
    images = da.map_blocks(
        sea, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0), np.float32)
    )
    ds = xr.Dataset(
        {"sigma0": (("line", "sample"), images)},
        attrs={"swath": "IW", "product": "GRDH", "pols": "VV", "simulated": 1},
    )
    ds = ds.assign(lineSpacing=STEP, sampleSpacing=STEP)
    return xr.DataTree.from_dict({"measurement": ds, "geolocation_annotation": coarse})


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="xoceansar-"))
    if len(sys.argv) > 1:
        import xsar

        chunks = {"line": 2048, "sample": 2048}
        tree = xsar.Sentinel1Dataset(sys.argv[1], chunks=chunks).datatree
    else:
        tree = simulated()

    tiles = tree.oceansar.vignettes(overlap=0.25)  # reads no pixel
    print(tiles.oceansar)

    field = tiles.oceansar.gmf_wind().wind_speed.oceansar.field().compute()
    print(field)
    field.attrs["simulated"] = int(tiles.attrs.get("simulated", 0))
    if len(sys.argv) == 1:
        truth = wind_at(field.azimuth_distance / (LINES * STEP)) + 0 * field
        print("correlation with the simulated wind:", float(xr.corr(field, truth)))
    field.oceansar.plot.map().savefig(folder / "wind.png", dpi=150)
    field.to_netcdf(folder / "wind.nc")
    print("GeoTIFF:", field.oceansar.to_raster(folder / "wind.tif"))

    # What a model was not trained on is computed, flagged and warned of.
    swh = tiles.isel(vignette=slice(4)).oceansar.swh().compute()
    print(swh.to_dataframe()[["incidence", "swh", "domain"]])
    print(swh.attrs["domain_comment"])
    print("written to", folder)


if __name__ == "__main__":
    main()
