"""Mutants of Datasets as people have them, and every operation on each."""

import datetime as dt
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from tests.conftest import write_tiny_model
from tests.fuzz.mutate import VALUES
from tests.fuzz.outcomes import Kind, Mutant, Outcome
from xoceansar import load_model, to_zarr

_ATTRIBUTES: Final = (
    "units", "long_name", "standard_name", "flag_values", "flag_meanings", "flag_masks",
    "valid_range", "comment", "_FillValue", "calendar", "coordinates", "polarisation", "source",
    "simulated", "history", "model", "weights_sha256", "name", "dtype", "é", "a b", "",
)  # fmt: skip
_ODD: Final[tuple[Any, ...]] = (
    *VALUES, b"bytes", b"\xff", object(), {1, 2}, np.array([1, 2]), np.array(["a"]),
    np.array([[1.0]]), np.float32(2), np.datetime64("2021"), dt.datetime(2021, 1, 1), Path("/x"),
    pd.Timestamp("2021"), np.nan, 1j, "dB", "m", "degrees", "degree true", "Degree true", "1",
    "linear", "km", "m s-1", "knots", "radians", np.array(["1", "2"]), range(3), print,
)  # fmt: skip
_DTYPES: Final = ("f2", "f4", "f8", ">f4", ">f8", "i1", "i2", "i8", "u1", "u8", "c8", "O", "U", "S", "bool", "M8[ns]", "m8[ns]", "T")  # fmt: skip


def make_images(n: int = 3, size: int = 64) -> xr.Dataset:
    """Vignettes of the size of the tiny model, in the library's layout."""
    rng = np.random.default_rng(7)
    level = np.resize([0.3, 0.05, 0.2], n)[:, None, None]
    sigma0 = (level * rng.gamma(30.0, 1 / 30.0, (n, size, size))).astype(np.float32)
    beam = np.resize(["wv1", "wv2"], n)
    incidence = np.where(beam == "wv1", 23.8, 36.8)[:, None] + np.linspace(-0.6, 0.6, size)  # fmt: skip
    v = "vignette"
    lon, lat = np.linspace(-30.0, -28.0, n), np.linspace(10.0, 16.0, n)
    corners = np.array([-0.09, 0.09, 0.09, -0.09])
    return xr.Dataset(
        {
            "sigma0": ((v, "line", "sample"), sigma0, {"units": "1"}),
            "nesz": ((v, "line", "sample"), np.full_like(sigma0, 0.003), {"units": "1"}),
            "quality": (v, np.zeros(n, np.uint8)),
        },
        coords={
            "vignette_id": (v, [f"s1a-{b}-{k:03d}" for k, b in enumerate(beam)]),
            "beam": (v, beam),
            "polarisation": (v, ["VV"] * n),
            "platform": (v, ["S1A"] * n),
            "longitude": (v, lon, {"units": "degrees_east"}),
            "latitude": (v, lat, {"units": "degrees_north"}),
            "corner_longitude": ((v, "corner"), lon[:, None] + corners),
            "corner_latitude": ((v, "corner"), lat[:, None] + corners[[0, 0, 1, 1]]),
            "ground_heading": (v, np.full(n, 347.0), {"units": "degree"}),
            "time": (v, np.datetime64("2021-04-03T08:30:25.749829", "ns") + np.arange(n) * np.timedelta64(14_660, "ms")),
            "incidence": ((v, "sample"), incidence.astype(np.float32), {"units": "degree"}),
            "pixel_spacing": ((), 50.0, {"units": "m"}),
        },
        attrs={"history": "made", "simulated": 1},
    )  # fmt: skip


def make_field() -> xr.Dataset:
    """Wind and waves on a grid, as a model gives them."""
    time = np.datetime64("2021-04-03T08:00", "ns") + np.arange(3) * np.timedelta64(1, "h")  # fmt: skip
    lat, lon = np.arange(8.0, 19.0, 2), np.arange(-34.0, -23.0, 2)
    shape = (len(time), len(lat), len(lon))
    dims = ("time", "latitude", "longitude")
    rng = np.random.default_rng(3)
    return xr.Dataset(
        {
            "swh": (dims, rng.uniform(1, 4, shape), {"units": "m"}),
            "u10": (dims, rng.uniform(-9, 9, shape), {"units": "m s**-1"}),
            "v10": (dims, rng.uniform(-9, 9, shape), {"units": "m s**-1"}),
            "mwd": (dims, rng.uniform(0, 360, shape), {"units": "Degree true"}),
        },
        {"time": time, "latitude": lat, "longitude": lon},
    )


# ------------------------------------------------------------------ mutations


def mutate_dataset(rng: Random, ds: xr.Dataset) -> tuple[xr.Dataset, str, bool]:
    """Change a Dataset; the last value says whether its numbers mean the same as before."""
    ways: list[tuple[Callable[..., Any], int]] = [
        (_attribute, 5), (_dtype, 3), (_values, 3), (_layout, 4), (_coordinate, 4), (_chunks, 2),
    ]  # fmt: skip
    way = rng.choices([w for w, _ in ways], [n for _, n in ways])[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            changed, note, same = way(rng, ds)
        except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, NotImplementedError, OSError, MemoryError) as error:  # fmt: skip
            # numpy and xarray refuse it before the library sees it
            return ds, f"{way.__name__} refused ({type(error).__name__})", True
    return changed, note, same


def _name(rng: Random, ds: xr.Dataset) -> Any:
    return rng.choice(sorted(ds.variables, key=str))


def _attribute(rng: Random, ds: xr.Dataset) -> tuple[xr.Dataset, str, bool]:
    ds = ds.copy()
    name, value = rng.choice(_ATTRIBUTES), rng.choice(_ODD)
    if rng.random() < 0.25:
        ds.attrs[name] = value
        return ds, f"attrs[{name!r}] = {_say(value)}", True
    if rng.random() < 0.2:
        ds.attrs[rng.choice([5, None, ("a",), 1.5])] = value
        return ds, f"attrs with a key that is no text: {_say(value)}", True
    variable = _name(rng, ds)
    if rng.random() < 0.1:
        ds[variable].encoding[name] = value
        return ds, f"{variable}.encoding[{name!r}] = {_say(value)}", True
    ds[variable].attrs[name] = value
    return ds, f"{variable}.attrs[{name!r}] = {_say(value)}", name not in {"units", "flag_values", "flag_masks", "standard_name", "long_name"}  # fmt: skip


def _say(value: Any) -> str:
    try:
        return repr(value)[:50]
    except ValueError:
        return "a huge integer"


def _dtype(rng: Random, ds: xr.Dataset) -> tuple[xr.Dataset, str, bool]:
    name, kind = _name(rng, ds), rng.choice(_DTYPES)
    target = np.dtypes.StringDType() if kind == "T" else np.dtype(kind)
    old = ds[name].compute() if ds[name].dtype.kind in "OT" else ds[name]
    old.compute().astype(target)  # what numpy refuses is refused before it is lazy
    new = old.astype(target, keep_attrs=True)
    lossless = target.kind in "OT" or (target.kind == old.dtype.kind and target.itemsize >= old.dtype.itemsize)  # fmt: skip
    return ds.assign_coords({name: new}) if name in ds.coords else ds.assign({name: new}), f"{name} as {kind}", lossless  # fmt: skip


def _values(rng: Random, ds: xr.Dataset) -> tuple[xr.Dataset, str, bool]:
    name = _name(rng, ds)
    old = ds[name]
    value: Any = rng.choice([np.nan, np.inf, -np.inf, 0, -1, 1e30, -1e30, 1e-30, 1000, "NaT", "x", None, 128, 360])  # fmt: skip
    values = np.array(old.values)
    if values.dtype.kind == "M":
        value = np.datetime64("NaT" if rng.random() < 0.7 else "2262-01-01")
    elif values.dtype.kind in "UO" or value is None or isinstance(value, str):
        values = values.astype(object)
    if rng.random() < 0.5 or not values.ndim:
        values[...] = value
    else:
        values[0] = value
    new = old.copy(data=values) if values.dtype == old.dtype else xr.DataArray(values, dims=old.dims, attrs=old.attrs)  # fmt: skip
    changed = ds.assign_coords({name: new}) if name in ds.coords else ds.assign({name: new})  # fmt: skip
    return changed, f"{name} is {_say(value)}", False


def _layout(rng: Random, ds: xr.Dataset) -> tuple[xr.Dataset, str, bool]:
    dim = rng.choice(sorted(map(str, ds.dims)))
    name = _name(rng, ds)
    ways: dict[str, Callable[[], xr.Dataset]] = {
        f"no {name}": lambda: ds.drop_vars(name),
        f"{dim} renamed": lambda: ds.rename({dim: "x"}),
        f"{name} renamed": lambda: ds.rename({name: "x"}),
        "dims turned": lambda: ds.transpose(*list(ds.dims)[::-1]),
        "none": lambda: ds.isel({dim: slice(0)}),
        "one": lambda: ds.isel({dim: slice(1)}),
        "first": lambda: ds.isel({dim: 0}),
        "another dim": lambda: ds.expand_dims("member"),
        "two more": lambda: ds.expand_dims({"member": 2}),
        "along time": lambda: ds.swap_dims(vignette="time"),
        "along id": lambda: ds.swap_dims(vignette="vignette_id"),
        "along latitude": lambda: ds.swap_dims(vignette="latitude"),
        "stacked": lambda: ds.stack(z=[dim]),
        "multi-index": lambda: ds.set_index(vignette=["beam", "vignette_id"]),
        "reversed": lambda: ds.isel({dim: slice(None, None, -1)}),
        "twice": lambda: xr.concat([ds, ds], dim="vignette", data_vars="minimal"),
        "all coords": lambda: ds.set_coords(list(ds.data_vars)),
        "no coords": lambda: ds.reset_coords(),
        "with where": lambda: ds.where(ds[name].notnull()),
        "joined": lambda: ds.reindex({dim: np.arange(ds.sizes[dim] + 2)}) if dim in ds.indexes else ds.assign_coords({dim: np.arange(ds.sizes[dim])}).reindex({dim: np.arange(ds.sizes[dim] + 2)}),
        "numbered": lambda: ds.assign_coords({dim: np.arange(ds.sizes[dim]) * 1.5}),
        "empty": lambda: xr.Dataset(attrs=ds.attrs),
        "only": lambda: ds[[name]],
    }  # fmt: skip
    way = rng.choice(sorted(ways))
    return ways[way](), f"layout: {way} ({dim}, {name})", way in {"dims turned", "along time", "along id", "no coords", "along latitude"}  # fmt: skip


def _coordinate(rng: Random, ds: xr.Dataset) -> tuple[xr.Dataset, str, bool]:
    n = ds.sizes.get("vignette", 1)
    name = rng.choice(["pixel_spacing", "incidence", "time", "vignette_id", "longitude", "latitude", "beam", "polarisation", "platform", "ground_heading"])  # fmt: skip
    values: dict[str, list[Any]] = {
        "pixel_spacing": ["50 m", "50", 50.0001, 0, -50, np.nan, ("vignette", np.full(n, 50.0)), ("vignette", np.linspace(50, 60, n)), np.array(50, "i4"), b"50", 500, 1e-9],
        "incidence": [23.8, "23.8", ("vignette", ["23.8"] * n), ("vignette", np.full(n, 23.8)), np.nan, 0.4, ("vignette", np.full(n, -1.0)), ("sample", np.linspace(20, 30, ds.sizes.get("sample", 1)))],
        "time": [np.datetime64("2021-04-03", "ns"), "2021-04-03", ("vignette", ["2021-04-03"] * n), ("vignette", np.arange(n)), ("vignette", np.full(n, "NaT", "M8[ns]")), ("vignette", np.full(n, None, object)), ("vignette", [dt.datetime(2021, 4, 3)] * n), ("vignette", np.full(n, "2021-04-03", "M8[D]"))],
        "vignette_id": [("vignette", np.full(n, "a")), ("vignette", np.full(n, None, object)), ("vignette", np.full(n, np.nan)), ("vignette", np.array([b"a"] * n)), "one", ("vignette", np.arange(n)), ("vignette", np.array([1, "a", None][:n] + [0] * (n - 3), object))],
        "longitude": [181.0, 1e20, "30W", ("vignette", ["30"] * n), ("vignette", np.full(n, 350.0)), np.nan, 10],
        "latitude": [91.0, -1e9, "10N", np.nan, 10, ("vignette", np.full(n, 1e300))],
        "beam": ["wv1", "WV1", ("vignette", ["WV2"] * n), 1, None, ("vignette", np.full(n, np.nan)), ("vignette", np.array(["wv1"] * n, "S"))],
        "polarisation": ["VV", "HH", "vv", ("vignette", ["VH"] * n), None, 5, ("vignette", np.full(n, None, object)), ("vignette", np.array(["VV"] * n, "S"))],
        "platform": [None, 5, "S1Z", ("vignette", np.full(n, np.nan))],
        "ground_heading": [720.0, np.nan, "N", 1e30, ("vignette", np.full(n, np.inf))],
    }  # fmt: skip
    value = rng.choice(values[name])
    return ds.drop_vars(name, errors="ignore").assign_coords({name: value}), f"{name} = {_say(value)}", False  # fmt: skip


def _chunks(rng: Random, ds: xr.Dataset) -> tuple[xr.Dataset, str, bool]:
    dim = rng.choice(sorted(map(str, ds.dims)))
    way = rng.choice(["ones", "image", "failing", "unknown", "lazy coords"])  # fmt: skip
    if way == "ones":
        return ds.chunk({dim: 1}), f"chunks of one {dim}", True
    if way == "image":
        return ds.chunk({d: 40 for d in ("line", "sample") if d in ds.dims}), "split images", True  # fmt: skip
    if way == "lazy coords":
        return (
            ds.reset_coords().chunk().set_coords(list(ds.coords)),
            "lazy coords",
            True,
        )
    name = rng.choice([n for n in ds.data_vars if ds[n].ndim])
    lazy = ds.chunk()
    error = rng.choice([OSError("disc"), ZeroDivisionError("x"), KeyError("k"), MemoryError("m")])  # fmt: skip

    def fail(block: np.ndarray) -> np.ndarray:
        if way == "failing" and block.size:
            raise error
        return block

    data = lazy[name].data.map_blocks(fail, dtype=lazy[name].dtype, meta=np.empty((0,) * lazy[name].ndim, lazy[name].dtype))  # fmt: skip
    if way == "unknown":
        data = data[data.sum(axis=tuple(range(1, data.ndim))) > -1]
    changed = lazy.assign({name: (lazy[name].dims, data, lazy[name].attrs)})
    changed.attrs["_fails"] = way == "failing"
    return changed, f"{name}: {way} task ({type(error).__name__})", way == "unknown"


# ------------------------------------------------------------------ operations


class Inputs(Kind):
    """Images, results and fields, and the operations of the accessor on each."""

    name, weight = "accessor", 12

    @staticmethod
    def make(base: Path) -> None:
        write_tiny_model(base / "accessor-model")

    def __init__(self, base: Path, scratch: Path) -> None:
        super().__init__(base, scratch)
        self.folder = scratch / "out"
        self.folder.mkdir(exist_ok=True)
        self.model = load_model(base / "accessor-model")
        self.images = make_images()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            accessor = self.images.oceansar
            results = accessor.retrieve(model=self.model).load()
            embedded = accessor.embed(model=self.model).load()
            self.results = results.assign(embedding_vector=embedded)
            keep = [n for n in self.images.coords if n not in results.coords and n != "incidence"]  # fmt: skip
            self.results = self.results.assign_coords({n: self.images[n] for n in keep if self.images[n].dims[:1] in ((), ("vignette",)) and "line" not in self.images[n].dims})  # fmt: skip
        self.field = make_field()

    def restore(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(exist_ok=True)

    def mutate(self, rng: Random) -> Mutant:
        subject = rng.choice(["images", "images", "results", "results", "field"])
        ds, notes, same = getattr(self, subject).copy(deep=True), [], True
        for _ in range(rng.choice([0, 1, 1, 1, 1, 2])):
            ds, note, kept = mutate_dataset(rng, ds)
            notes.append(note)
            same = same and kept
        fails = bool(ds.attrs.pop("_fails", False))
        what = f"{subject}: {'; '.join(notes) or 'as it is'}"
        return Mutant(what, detail={"ds": ds, "subject": subject, "same": same, "fails": fails})  # fmt: skip

    def check(self, mutant: Mutant, rng: Random) -> tuple[Outcome, str]:
        detail = mutant.detail
        ds, subject = detail["ds"], detail["subject"]
        operations = {"images": self._on_images, "results": self._on_results, "field": self._on_fields}[subject]  # fmt: skip
        known = operations(rng)
        name = rng.choice(sorted(known))
        mutant.operation = name
        seed = rng.random()
        call = known[name]
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                found = _loaded(call(ds, Random(seed)))
        except (OSError, ZeroDivisionError, KeyError, MemoryError) as error:
            if detail["fails"] and str(error).strip("'") in {"disc", "x", "k", "m"}:
                return Outcome.TYPED, "the error of the caller's own task"
            raise
        words = [str(w.message) for w in caught if w.category.__name__ == "OceansarWarning"]  # fmt: skip
        if not detail["same"] or words or detail["fails"]:
            return Outcome.UNKNOWABLE if not words else Outcome.FLAGGED, "other numbers went in"  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.restore()  # nothing is written over
            good = _loaded(call(getattr(self, subject), Random(seed)))
        return _alike(found, good)

    def _on_images(self, rng: Random) -> dict[str, Callable[..., Any]]:
        model = self.model
        take = lambda ds: ds["sigma0"] if "sigma0" in ds and rng.random() < 0.2 else ds  # noqa: E731  # fmt: skip
        return {
            "embed": lambda ds, r: take(ds).oceansar.embed(model=model),
            "swh": lambda ds, r: take(ds).oceansar.swh(model=model),
            "wind": lambda ds, r: ds.oceansar.wind(model=model, reference=_reference(ds, r)),
            "classify": lambda ds, r: ds.oceansar.classify(model=model),
            "retrieve": lambda ds, r: ds.oceansar.retrieve(model=model, confidence=r.choice([None, None, None, 0.9, 0, 1, 2, "x", np.nan])),
            "icebergs": lambda ds, r: ds.oceansar.icebergs(),
            "gmf_wind": lambda ds, r: ds.oceansar.gmf_wind(wind_to_direction=_reference(ds, r)),
            "quality": lambda ds, r: ds.oceansar.quality(),
            "to_vv": lambda ds, r: ds.oceansar.to_vv(),
            "calibrate": lambda ds, r: ds.oceansar.calibrate(),
            **self._common(rng),
        }  # fmt: skip

    def _on_results(self, rng: Random) -> dict[str, Callable[..., Any]]:
        return {
            "similar": lambda ds, r: ds.oceansar.similar(r.choice([0, 1, -1, "s1a-wv1-000", [0, 1], "zz", None, 99, True, [True, False, False], 1.5, self.results["embedding_vector"][:1], []]), r.choice([1, 2, 10, 0, -1, 10**9])),
            "class_occurrence": lambda ds, r: ds.oceansar.class_occurrence(cell=_cell(r), by=r.choice([None, "month", "season"])),
            "iceberg_density": lambda ds, r: ds.oceansar.iceberg_density(cell=_cell(r)),
            "quality": lambda ds, r: ds.oceansar.quality(),
            **self._common(rng),
        }  # fmt: skip

    def _on_fields(self, rng: Random) -> dict[str, Callable[..., Any]]:
        images = self.results
        return {
            "collocate": lambda ds, r: images.oceansar.collocate(ds, **_collocation(r)),
            "collocate a variable": lambda ds, r: images.oceansar.collocate(ds[r.choice(list(ds.data_vars) or list(ds.variables))]) if ds.variables else ds,
            "wind reference": lambda ds, r: self.images.oceansar.gmf_wind(wind_to_direction=ds[r.choice(list(ds.data_vars) or list(ds.variables))]) if ds.variables else ds,
            "no vignettes": lambda ds, r: getattr(ds.oceansar, r.choice(["embed", "gmf_wind", "quality", "to_geodataframe"]))(),
        }  # fmt: skip

    def _common(self, rng: Random) -> dict[str, Callable[..., Any]]:
        out = self.folder
        return {
            "select": lambda ds, r: ds.oceansar.select(**_selection(r)),
            "grid": lambda ds, r: ds.oceansar.grid(r.choice(["swh", "quality", "ocean_class", "ground_heading", None, "sigma0", "x"]), cell=_cell(r), statistic=r.choice(["mean", "median", "std", "min", "max", "count"]), by=r.choice([None, None, "season", "month"])),
            "to_zarr": lambda ds, r: _opened(to_zarr(ds, out / "a.zarr")),
            "to_netcdf": lambda ds, r: _opened(ds.oceansar.to_netcdf(out / "a.nc")),
            "to_geodataframe": lambda ds, r: ds.oceansar.to_geodataframe(),
            "to_geoparquet": lambda ds, r: ds.oceansar.to_geoparquet(out / "a.parquet"),
            "to_geojson": lambda ds, r: ds.oceansar.to_geojson(out / "a.geojson"),
            "repr": lambda ds, r: repr(ds.oceansar),
            "collocate": lambda ds, r: ds.oceansar.collocate(self.field, **_collocation(r)),
        }  # fmt: skip


def _cell(r: Random) -> Any:
    return r.choice([2.0, 5, 2.0, 2.0, 0, -1, 1000, 7, np.nan, "2", None, 1e-9, True])


def _reference(ds: xr.Dataset, r: Random) -> Any:
    n = ds.sizes.get("vignette", 1)
    options: list[Any] = [
        None, None, None, xr.DataArray(np.full(n, 45.0), dims="vignette", attrs={"units": "degree"}),
        xr.DataArray(45.0), xr.DataArray(np.full(n + 1, 45.0), dims="vignette"),
        xr.DataArray(np.full(n, np.nan), dims="vignette"), xr.DataArray(["N"] * n, dims="vignette"),
        xr.DataArray(np.full(n, 1e9), dims="vignette"), 45.0, "45", np.full(n, 45.0),
        xr.DataArray(np.full(n, 45.0), dims="x"), xr.DataArray(np.full(n, 1.0), dims="vignette", attrs={"units": "m"}),
    ]  # fmt: skip
    return r.choice(options)


def _selection(r: Random) -> dict[str, Any]:
    times = ["2021-04", "2021-04-03", slice("2021", "2022"), ("2021-04-03T08:30+02:00", None), (None, None), 5, "x", ("2022", "2021"), dt.date(2021, 4, 3), np.datetime64("2021-04-03"), (dt.date(2021, 4, 3), dt.date(2021, 4, 3)), "2021-13", ("a", "b", "c"), np.datetime64("NaT"), "1000000-01-01"]  # fmt: skip
    regions = [(-40, 0, -20, 20), (170, -90, -170, 90), (-180, -90, 180, 90), (0, 0, 0), "world", (np.nan,) * 4, (0, 50, 10, -50), (-500, 0, 500, 1), ("a",) * 4, (1e300,) * 4]  # fmt: skip
    beams = ["wv1", "WV1", ["wv1", "wv2"], "wv9", 5, None, [], [None]]
    classes = ["rain_cells", "x", ["icebergs"], 3, []]
    conditions = [(1, None), (None, None), 5, "x", (2, 1), (np.nan, 1), ("a", "b"), None, (None,), (0, 9, 9)]  # fmt: skip
    chosen: dict[str, Any] = {}
    for name, options in [("time", times), ("region", regions), ("beam", beams), ("ocean_class", classes), ("swh", conditions), ("nothing", conditions)]:  # fmt: skip
        if r.random() < 0.3:
            chosen[name] = r.choice(options)
    return chosen


def _collocation(r: Random) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    options: dict[str, list[Any]] = {
        "max_distance": [50.0, "50 km", "50km", "x", 0, -1, np.nan, 50e3, None, np.inf],
        "max_time": ["30min", "3h", 30, None, "x", dt.timedelta(hours=1), np.timedelta64(1, "h"), -1, "-1h", np.timedelta64("NaT"), "1 fortnight"],
        "method": ["nearest", "linear", "mean", "x", None],
        "variables": ["swh", ["swh", "u10"], "x", [], None, 5],
        "require": ["swh", "x", [], None, 5],
    }  # fmt: skip
    for name, values in options.items():
        if r.random() < 0.3:
            chosen[name] = r.choice(values)
    return chosen


def _opened(path: Path) -> xr.Dataset:
    if path.suffix == ".nc":
        with xr.open_dataset(path) as ds:
            return ds.load()
    return xr.open_zarr(path).load()


def _loaded(found: Any) -> Any:
    return found.load() if isinstance(found, xr.Dataset | xr.DataArray) else found


def _alike(found: Any, good: Any) -> tuple[Outcome, str]:
    """Compare numbers, whatever the order of dims."""
    if type(found) is not type(good):
        return (
            Outcome.SHIFT,
            f"{type(found).__name__} in place of {type(good).__name__}",
        )
    if isinstance(found, xr.DataArray):
        found, good = found.to_dataset(name="it"), good.to_dataset(name="it")
    if not isinstance(found, xr.Dataset):
        return Outcome.UNCHANGED, ""
    for name, variable in good.data_vars.items():
        if name not in found.variables:
            return Outcome.SHIFT, f"{name} is lost"
        a, b = np.asarray(found[name].values), np.asarray(variable.values)
        if sorted(a.shape) != sorted(b.shape):
            return Outcome.SHIFT, f"{name} has the shape {a.shape}, and had {b.shape}"
        if b.dtype.kind in "fiu" and a.dtype.kind in "fiuO":
            a, b = np.sort(a.astype(float), None), np.sort(b.astype(float), None)
            if not np.allclose(a, b, rtol=1e-4, atol=1e-5, equal_nan=True):
                return Outcome.SHIFT, f"{name} is {a.ravel()[:3]}, and was {b.ravel()[:3]}"  # fmt: skip
    return Outcome.UNCHANGED, ""


KINDS: Final = (Inputs,)
