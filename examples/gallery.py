"""Draw the pictures of docs/gallery.md from nothing.

    python examples/gallery.py [FOLDER] [NAME ...]

The places are those of real Sentinel-1 orbits, one pass in fourteen of a year. The sea is invented: a few
formulas that put high waves in the storm belts and ice at the poles. All pictures say so.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr

import xoceansar as xos
from xoceansar.conventions import OCEAN_CLASSES, annotate, class_attrs
from xoceansar.sar import is_land, offset_position

SOURCE = "synthetic climatology of examples/gallery.py, not measurements"
ORBITS, STEP = 175 / 12, 14.66  # a day; seconds between vignettes
INCLINATION = np.radians(98.18)
DAYS, EVERY = 365, 14
#: Seas that Wave Mode leaves out: west, east, south, north.
ENCLOSED = ((-5, 42, 30, 47), (9, 31, 53, 66), (46, 56, 36, 48), (-96, -76, 50, 66))


def places() -> xr.Dataset:
    """Vignettes over the sea along one orbit in fourteen of the year 2021."""
    orbit = np.arange(0, int(DAYS * ORBITS), EVERY)
    second = np.arange(0, 86400 / ORBITS, STEP)
    number, seconds = (a.ravel() for a in np.meshgrid(orbit, second, indexing="ij"))
    angle = 2 * np.pi * seconds * ORBITS / 86400
    sine = np.sin(INCLINATION) * np.sin(angle)
    days = number / ORBITS + seconds / 86400
    east = np.arctan2(np.cos(INCLINATION) * np.sin(angle), np.cos(angle))
    lon = np.degrees(east) - 360 * 1.0027379 * days + 40
    lat = np.degrees(np.arcsin(sine))
    ahead = np.cos(angle) > 0
    heading = np.degrees(
        np.arcsin(np.clip(np.cos(INCLINATION) / np.cos(np.radians(lat)), -1, 1))
    )
    heading = np.where(ahead, heading, 180 - heading)
    far = np.arange(len(number)) % 2 == 1
    lon, lat = offset_position(lon, lat, heading, 0.0, np.where(far, 230e3, 30e3))
    sea = (lat > -77) & (lat < 82) & ~is_land(lon, lat)
    for west, east, south, north in ENCLOSED:
        sea &= (lon < west) | (lon > east) | (lat < south) | (lat > north)
    time = np.datetime64("2021-01-01", "ns") + (days * 86400e9).astype(
        "timedelta64[ns]"
    )
    rows = np.flatnonzero(sea)
    coords = {
        "time": time[rows],
        "longitude": lon[rows],
        "latitude": lat[rows],
        "ground_heading": heading[rows] % 360,
        "beam": np.where(far, "wv2", "wv1")[rows],
        "platform": np.full(rows.size, "S1A"),
        "product": np.array([f"orbit {n:04d}" for n in number[rows]]),
    }
    return xr.Dataset(coords={k: ("vignette", v) for k, v in coords.items()})


def weather(ds: xr.Dataset, seed: int) -> np.ndarray:
    """Unit-variance field of eastward-moving waves: what makes one day unlike the next."""
    rng = np.random.default_rng(seed)
    lon, lat = np.radians(ds.longitude.values), np.radians(ds.latitude.values)
    day = (ds.time.values - ds.time.values[0]) / np.timedelta64(1, "D")
    total = np.zeros(lon.size)
    for _ in range(30):
        east, north = rng.integers(2, 16), rng.normal(0, 7)
        phase, speed = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.3)
        total += np.cos(east * (lon - speed * day) + north * lat + phase)
    return total / np.sqrt(15)


def bell(x: np.ndarray, centre: float, width: float) -> np.ndarray:
    """Gaussian of height one."""
    return np.exp(-(((x - centre) / width) ** 2))


def year() -> xr.Dataset:
    """Wave height, wind, class and icebergs for a year."""
    ds = places()
    rng = np.random.default_rng(1)
    lon, lat = ds.longitude.values, ds.latitude.values
    winter = np.cos(2 * np.pi * (ds.time.dt.dayofyear.values - 20) / 365)
    south = (
        bell(lat, -53, 13)
        * (1 - 0.2 * winter)
        * (1 + 0.12 * np.cos(np.radians(lon - 95)))
    )
    north = bell(lat, 48, 12) * (0.5 + 0.5 * winter)
    trades = bell(np.abs(lat), 16, 8)
    monsoon = bell(lat, 12, 8) * bell(lon, 60, 12) * np.clip(-winter, 0, 1)
    z = weather(ds, 2)
    ice = sea_ice(lat, lon, winter)
    wind = 4.8 + 6.0 * south + 6.0 * north + 2.6 * trades + 6 * monsoon
    wind = (
        wind * np.exp(0.28 * z + 0.1 * weather(ds, 3)) * rng.uniform(0.9, 1.1, z.size)
    )
    swh = 1.15 + 3.0 * south + 2.9 * north + 0.9 * trades + 2.0 * monsoon
    swh = swh * np.exp(0.27 * z) * rng.uniform(0.93, 1.07, z.size)
    swh[ice | (rng.random(z.size) < 0.01)] = np.nan
    half = 0.25 + 0.12 * swh
    values = {
        "swh": swh,
        "swh_lower": swh - half,
        "swh_upper": swh + half,
        "wind_speed": wind,
    }
    out = ds.assign({k: ("vignette", v.astype(np.float32)) for k, v in values.items()})
    for name in values:
        level = {"confidence_level": 0.9} if name[-5:] in ("lower", "upper") else {}
        out[name] = annotate(out[name], name, **level)
    out["ocean_class"] = (
        "vignette",
        classes(lat, lon, wind, ice, z, rng),
        class_attrs(),
    )
    density = icebergs(lat, lon, winter)
    count = rng.poisson(368.64 * density * rng.gamma(0.7, 1 / 0.7, lat.size)).astype(
        np.float32
    )
    count[ice & (rng.random(lat.size) < 0.8)] = np.nan
    out["iceberg_count"] = annotate(
        xr.DataArray(count, dims="vignette"), "iceberg_count"
    )
    area = xr.full_like(out.iceberg_count, 19.2**2)
    out["searched_area"] = annotate(area, "searched_area")
    return out.assign_attrs(simulated=1, source=SOURCE)


def sea_ice(lat: np.ndarray, lon: np.ndarray, winter: np.ndarray) -> np.ndarray:
    """Poleward of an edge that moves with the seasons."""
    atlantic = bell((lon + 180) % 360 - 180, 10, 45)
    arctic = lat > 76 - 9 * winter + 6 * atlantic
    edge = -66 + 1.5 * np.cos(np.radians(2 * lon)) - 4.5 * winter
    return arctic | (lat < edge)


def icebergs(lat: np.ndarray, lon: np.ndarray, winter: np.ndarray) -> np.ndarray:
    """Icebergs on a square kilometre: the Antarctic coast, and the way out of the Weddell Sea."""
    alley = bell(lon, -35, 28) * bell(lat, -59, 5)
    coast = bell(lat, -67, 4.5) * (0.6 + 0.4 * np.cos(np.radians(lon - 110)))
    return 0.006 * (0.8 + 0.2 * winter) * (alley + 0.7 * coast) * (lat < -48)


def classes(
    lat: np.ndarray, lon: np.ndarray, wind: np.ndarray, ice: np.ndarray, z: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Draw the class of each vignette from odds by wind and place."""
    warm = bell(lat, 6, 7) * (0.5 + 0.5 * np.cos(np.radians(lon - 150)))
    currents = bell(lat, 38, 4) * (bell(lon, 150, 14) + bell(lon, -62, 14)) + bell(
        lat, -40, 4
    ) * bell(lon, 25, 16)
    odds = {
        "pure_ocean_waves": 1.0 + 0.6 * bell(np.abs(lat), 45, 20),
        "wind_streaks": 1.4 * bell(wind, 11, 4),
        "micro_convective_cells": 1.6 * bell(wind, 7, 2.5) * bell(np.abs(lat), 16, 11),
        "rain_cells": 0.1 + 1.6 * warm,
        "biological_slicks": 0.7 * bell(wind, 3, 1.5),
        "sea_ice": 60.0 * ice,
        "icebergs": 300 * icebergs(lat, lon, np.zeros(lat.size)) * ~ice,
        "low_wind_area": 3.0 * (wind < 3.2) + 0.03,
        "atmospheric_front": 0.25 * bell(np.abs(lat), 45, 14) * (1 + np.clip(z, 0, 2)),
        "oceanic_front": 0.02 + 0.7 * currents,
    }  # fmt: skip
    share = np.stack([odds[name] + 0 * lat for name in OCEAN_CLASSES])
    steps = np.cumsum(share, axis=0) / share.sum(axis=0)
    return (rng.random(lat.size) > steps).sum(axis=0).astype(np.int8)


def one_pass(ds: xr.Dataset, number: int, south: float, north: float) -> xr.Dataset:
    """Part of one orbit, going north."""
    ahead = np.cos(np.radians(ds.ground_heading)) > 0
    inside = (ds.latitude > south) & (ds.latitude < north)
    return ds.isel(
        vignette=(ahead & inside & (ds["product"] == f"orbit {number:04d}")).values
    )


def buoy(here: xr.Dataset) -> xr.DataArray:
    """Wave height between the passes, every six hours, with an error of its own."""
    time = np.arange("2021-01-01", "2022-01-01", 6, "datetime64[h]").astype(
        "datetime64[ns]"
    )
    known = here.sortby("time").dropna("vignette", subset=["swh"])
    passed = known.time.values.astype(float)
    height = np.interp(time.astype(float), passed, known.swh.values)
    height += np.random.default_rng(3).normal(0, 0.15, time.size)
    attrs = {"units": "m", "long_name": "buoy (invented)"}
    return xr.DataArray(height, {"time": time}, dims="time", name="swh", attrs=attrs)


def film_frame(ds: xr.Dataset, number: int) -> object:
    """One map of a film of April."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        path = xos.plot.animate(
            ds, "swh", path=Path(folder, "april.gif"), region="global"
        )
        with Image.open(path) as film:
            film.seek(number)
            return film.convert("RGB")


def pictures(ds: xr.Dataset) -> dict[str, Callable[[], object]]:
    """Name of each picture, and the line that makes it."""
    plot = xos.plot
    april = ds.isel(vignette=(ds.time.dt.month == 4).values)
    here = ds.oceansar.near(-20, 50, "300 km")
    passes = xr.concat(
        [one_pass(ds, number, -60, -8) for number in (126, 140, 154)], "vignette"
    )
    return {
        "map-global": lambda: plot.map(ds, "swh", region="global"),
        "map-pacific": lambda: plot.map(
            april, "wind_speed", region=(150, -25, -130, 35)
        ),
        "map-classes": lambda: plot.map(april, "ocean_class", region="global"),
        "grid": lambda: plot.grid(ds, "wind_speed", cell=2),
        "grid-arctic": lambda: plot.grid(ds, "swh", cell=2, region=(-180, 55, 180, 90)),
        "seasons": lambda: plot.seasons(ds, "swh", cell=4),
        "track": lambda: plot.track(one_pass(ds, 140, -56, -5), "swh"),
        "track-passes": lambda: plot.track(passes, "wind_speed"),
        "series": lambda: plot.series(here, "swh", reference=buoy(here)),
        "hovmoeller": lambda: plot.hovmoeller(ds, "swh", every="10D"),
        "animation-frame": lambda: film_frame(april, 6),
        "iceberg-density": lambda: plot.iceberg_density(ds, cell=3),
        "class-occurrence": lambda: plot.class_occurrence(ds, cell=5),
    }


def save(drawn: object, path: Path) -> None:
    """Write a picture of modest size."""
    from matplotlib import pyplot
    from PIL import Image

    if isinstance(drawn, Image.Image):
        picture = drawn
    else:
        figure = getattr(drawn, "figure", drawn)
        figure.savefig(path, dpi=110)
        pyplot.close(figure)
        with Image.open(path) as image:
            picture = image.convert("RGB")
    few = picture.quantize(256, method=Image.Quantize.MAXCOVERAGE, kmeans=1)
    few.save(path, optimize=True)


def main() -> None:
    import matplotlib

    matplotlib.use("Agg")
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/gallery")
    folder.mkdir(parents=True, exist_ok=True)
    ds = year()
    print(f"{ds.sizes['vignette']:,} vignettes")
    drawn = pictures(ds)
    for name in sys.argv[2:] or drawn:
        save(drawn[name](), folder / f"{name}.png")
        print(folder / f"{name}.png")


if __name__ == "__main__":
    main()
