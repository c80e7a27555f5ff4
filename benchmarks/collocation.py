"""Whether collocation equals brute-force great-circle search, how much faster it is, what it reads."""

import time

import dask.array as da
import numpy as np
import xarray as xr
from _report import report

from xoceansar.evaluate import collocate

N = 10_000
RADIUS = 6_371_008.8
START = np.datetime64("2021-01-01T00:00", "ns")
HOUR = np.timedelta64(3600, "s")
#: Metres by which two equally near samples may differ.
TIE = 1e-3


def sphere(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random places, as many to each area, in -180..180."""
    rng = np.random.default_rng(seed)
    return rng.uniform(-180, 180, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))


def haversine(
    lon: np.ndarray, lat: np.ndarray, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """Metres between every pair; nothing of the package is in it."""
    p, q = np.radians(lat)[:, None], np.radians(y)
    a = np.sin((q - p) / 2) ** 2
    a += np.cos(p) * np.cos(q) * np.sin(np.radians(x - lon[:, None]) / 2) ** 2
    return 2 * RADIUS * np.arcsin(np.sqrt(np.minimum(a, 1)))


def brute(
    lon: np.ndarray,
    lat: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    allowed: np.ndarray | None = None,
) -> tuple[np.ndarray, float]:
    """Least distance of each place to any sample that is allowed, and the seconds it took."""
    start, least = time.perf_counter(), []
    for k in range(0, lon.size, 100):
        d = haversine(lon[k : k + 100], lat[k : k + 100], x, y)
        if allowed is not None:
            d[~allowed[k : k + 100]] = np.inf
        least.append(d.min(axis=1))
    return np.concatenate(least), time.perf_counter() - start


def vignettes(lon: np.ndarray, lat: np.ndarray, when: np.ndarray) -> xr.Dataset:
    places = {"longitude": lon, "latitude": lat, "time": when}
    return xr.Dataset(coords={k: ("vignette", v) for k, v in places.items()})


def framed(lon: np.ndarray, frame: int) -> np.ndarray:
    return (lon - frame) % 360 + frame


def wrong(
    found: xr.Dataset, places: tuple[np.ndarray, ...], least: np.ndarray, reach: float
) -> int:
    """Vignettes whose match is not the nearest, or whose stored distance is not its distance."""
    lon, lat, x, y = places
    matched = np.isfinite(found.swh.values)
    at = np.where(matched, found.swh.values, 0).astype(int)
    own = np.empty(lon.size)
    for k in range(0, lon.size, 1000):
        rows = slice(k, k + 1000)
        own[rows] = np.diagonal(
            haversine(lon[rows], lat[rows], x[at[rows]], y[at[rows]])
        )
    stored = found.collocation_distance.values * 1000
    bad = matched != (least <= reach + TIE)
    bad |= matched & ((own > least + TIE) | (np.abs(stored - own) > TIE))
    return int(bad.sum())


def grids(lon: np.ndarray, lat: np.ndarray) -> None:
    x, y = np.arange(0, 360, 1.0), np.linspace(90, -90, 181)
    gx, gy = (a.ravel() for a in np.meshgrid(x, y))
    least, slow = brute(lon, lat, gx, gy)
    index = np.arange(gx.size, dtype=float).reshape(1, y.size, x.size)
    grid = xr.Dataset(
        {"swh": (("time", "latitude", "longitude"), index)},
        {"time": [START], "latitude": y, "longitude": x},
    )
    total, fast = 0, []
    for own_frame in (0, -180):
        for grid_frame in (0, -180):
            for ascending in (True, False):
                turned = grid.assign_coords(longitude=framed(x, grid_frame))
                turned = turned.sortby("longitude").sortby("latitude", ascending)
                ds = vignettes(framed(lon, own_frame), lat, np.full(lon.size, START))
                start = time.perf_counter()
                found = collocate(ds, turned, max_distance=60)
                fast.append(time.perf_counter() - start)
                total += wrong(found, (lon, lat, gx, gy), least, 60e3)
    report("collocation.grid_wrong_of_80000", total, "vignettes", "0", total == 0)
    ratio = slow / float(np.median(fast))
    report("collocation.grid_speed_ratio", ratio, "times brute force", "", None)


def tracks(lon: np.ndarray, lat: np.ndarray) -> None:
    rng = np.random.default_rng(3)
    x, y = sphere(4 * N, 4)
    own, when = (
        START + rng.integers(0, 30 * 86_400, n).astype("timedelta64[s]")
        for n in (lon.size, x.size)
    )
    allowed = np.abs(when - own[:, None]) <= 12 * HOUR
    least, slow = brute(lon, lat, x, y, allowed)
    total, fast, matched = 0, [], 0
    for own_frame in (0, -180):
        for frame in (0, -180):
            track = xr.Dataset(
                {"swh": ("time", np.arange(x.size, dtype=float))},
                {"time": when, "longitude": ("time", framed(x, frame)), "latitude": ("time", y)},
            )  # fmt: skip
            ds = vignettes(framed(lon, own_frame), lat, own)
            start = time.perf_counter()
            found = collocate(ds, track, max_distance=400, max_time="12h")
            fast.append(time.perf_counter() - start)
            total += wrong(found, (lon, lat, x, y), least, 400e3)
            matched += int(np.isfinite(found.swh).sum())
    report("collocation.track_wrong_of_40000", total, "vignettes", "0", total == 0)
    report("collocation.track_matched", matched / (4 * N), "share", "", None)
    ratio = slow / float(np.median(fast))
    report("collocation.track_speed_ratio", ratio, "times brute force", "", None)


def lazy(lon: np.ndarray, lat: np.ndarray) -> None:
    """Match with a year of ERA5 by the hour; the vignettes lie in 200 of its hours."""
    x, y, hours, read = np.arange(0, 360, 0.25), np.linspace(90, -90, 721), 8760, []

    def block(block_info: dict | None = None) -> np.ndarray:
        read.append(block_info[None]["chunk-location"][0])
        return np.full((1, y.size, x.size), read[-1], np.float32)

    data = da.map_blocks(
        block, chunks=((1,) * hours, (y.size,), (x.size,)), dtype=np.float32,
        meta=np.empty((0, 0, 0), np.float32),
    )  # fmt: skip
    year = xr.Dataset(
        {"swh": (("valid_time", "latitude", "longitude"), data)},
        {"valid_time": START + np.arange(hours) * HOUR, "latitude": y, "longitude": x},
    )
    at = np.random.default_rng(5).choice(hours, 200, replace=False)[np.arange(N) % 200]
    ds = vignettes(lon, lat, START + at * HOUR)
    start = time.perf_counter()
    found = collocate(ds, year, max_distance=30)
    built = time.perf_counter() - start
    loaded = len(read)
    values = found.swh.compute(scheduler="sync").values
    right = bool(np.array_equal(values, at)) and loaded == 0
    report("collocation.lazy_graph_seconds", built, "s", "", None)
    report("collocation.lazy_blocks_read_of_8760", len(read), "blocks", "200, once each",
           right and sorted(read) == sorted(set(at)))  # fmt: skip


def main() -> None:
    lon, lat = sphere(N - 4, 1)
    lon, lat = np.append(lon, [180, -180, 0, 17]), np.append(lat, [0, 45, 90, -90])
    grids(lon, lat)
    tracks(lon, lat)
    lazy(lon, lat)


if __name__ == "__main__":
    main()
