"""A folder that holds, in small, every file that README and docs name: what their snippets run in.

Names in the snippets are those of a reader's own files. Nothing is put into the snippets' namespace: a
page must define what it uses.
"""

import importlib.util
import shutil
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
import xarray as xr

import xoceansar as xos
from tests.io.made_ocn_spectra import write_with_spectra
from tests.io.test_ocn import sign
from tests.io.test_tengeop import CLASS_CODES, CLOCK, LATITUDE, LONGITUDE, pixels
from tests.io.test_tengeop import stem as tengeop_stem
from tests.io.test_tengeop import write as write_picture

ROOT = Path(__file__).parents[2]
PRODUCT = "S1A_WV_SLC__1SSV_....SAFE"
OCN = "S1A_WV_OCN__2SSV_20260112T045817_20260112T051217_062729_07DDB1_1A2B.SAFE"


def script(name: str) -> ModuleType:
    """Load a script of examples/ as a module."""
    path = ROOT / "examples" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"example_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def labelled(passes: int, first: int, each: int = 4) -> xr.Dataset:
    """Return simulated vignettes of some orbit passes, with their truth."""
    parts = [
        xos.simulate.vignettes(each, seed=first + i, shape=(384, 384))
        for i in range(passes)
    ]
    joined = xr.concat(parts, "vignette", data_vars="minimal", coords="minimal")
    return joined.drop_vars("nesz")


def era5(ds: xr.Dataset) -> xr.Dataset:
    """Return wave and wind fields, hourly around each vignette, in the layout of ERA5."""
    hours = np.unique(ds.time.dt.round("h").values)
    lat, lon = np.arange(90, -90.5, -2.0), np.arange(0, 360, 2.0)
    shape = (hours.size, lat.size, lon.size)
    fields = {"swh": (2.0, "m"), "u10": (6.0, "m s**-1"), "v10": (3.0, "m s**-1")}
    return xr.Dataset(
        {
            name: (
                ("valid_time", "latitude", "longitude"),
                np.full(shape, value, np.float32),
                {"units": units},
            )
            for name, (value, units) in fields.items()
        },
        {"valid_time": hours, "latitude": lat, "longitude": lon},
    )


def track(ds: xr.Dataset) -> xr.Dataset:
    """Return an altimeter that follows the vignettes ten minutes later."""
    return xr.Dataset(
        {"swh": ("time", np.full(ds.sizes["vignette"], 2.5), {"units": "m"})},
        {
            "time": ds.time.values + np.timedelta64(10, "m"),
            "latitude": ("time", ds.latitude.values),
            "longitude": ("time", ds.longitude.values),
        },
    )


def buoys(ds: xr.Dataset) -> xr.Dataset:
    """Return a buoy under each vignette, with an hour of values around each."""
    n = ds.sizes["vignette"]
    times = ds.time.values[0] + np.arange(-3, 4) * np.timedelta64(10, "m")
    values = {"wind_speed": (7.0, "m s-1"), "pressure": (1013.0, "hPa")}
    return xr.Dataset(
        {
            name: (("station", "time"), np.full((n, times.size), value), {"units": u})
            for name, (value, u) in values.items()
        },
        {
            "time": times,
            "longitude": ("station", ds.longitude.values),
            "latitude": ("station", ds.latitude.values),
        },
    )


def many_embeddings(ds: xr.Dataset, times: int = 24) -> xr.Dataset:
    """Return what heads take beside that of some vignettes, as of an archive with truth."""
    embedding = ds.oceansar.embed().compute()
    features = ds.oceansar.texture().assign(ds.oceansar.image_statistics())
    features = features.reset_coords(drop=True).compute()
    rng = np.random.default_rng(0)
    parts = []
    for i in range(times):
        part = embedding + rng.normal(0, 0.05, embedding.shape).astype(np.float32)
        part = part.assign_attrs(embedding.attrs).assign_coords(
            product=("vignette", [f"{p}-{i}" for p in ds["product"].values]),
            vignette_id=("vignette", [f"{v}-{i}" for v in ds.vignette_id.values]),
        )  # fmt: skip
        part = part.to_dataset(name="embedding_vector").assign(swh=ds.swh)
        parts.append(part.assign(features))
    return xr.concat(
        parts, "vignette", data_vars="minimal", coords="minimal", compat="override"
    )


def write_tengeop(folder: Path) -> None:
    """Write twenty pictures of TenGeoP, four of each of five classes, and their labels."""
    lines = []
    for i in range(20):
        k, beam = i % 5, "wv2" if i % 2 else "wv1"
        name = f"{CLASS_CODES[k]}/{tengeop_stem(i, beam, CLOCK[k])}.png"
        write_picture(folder / name, pixels(beam, i))
        time, place = "2016-03-01T06:00:00", f"{LONGITUDE[k]} {LATITUDE[k]}"
        lines.append(f"{name} {CLASS_CODES[k]} {beam.upper()} {time} {place}")
    (folder / "58683.txt").write_text("\n".join(lines))


def calibrated_tengeop(folder: Path) -> xr.Dataset:
    """Return vignettes with sigma0 of the same names as the pictures."""
    quick = xos.io.open_tengeop(folder)
    ds = xos.simulate.vignettes(quick.sizes["vignette"], seed=5, shape=(384, 384))
    keep = ds[["sigma0", "incidence"]].drop_vars(["vignette_id", "product"])
    return keep.assign_coords(vignette_id=("vignette", quick.vignette_id.values))


def build(folder: Path) -> Path:
    """Write every file that the pages name."""
    product = xos.simulate.write_safe(folder / "made", n=4, seed=3, scale=0.95)
    for name in (PRODUCT, "PRODUCT.SAFE"):
        (folder / name).symlink_to(product)
    ds = xos.open_wave_mode(product)
    (folder / "archive" / "2021").mkdir(parents=True)
    (folder / "2021" / "04").mkdir(parents=True)
    small = [
        xos.simulate.write_safe(
            folder / "archive" / "2021",
            n=2,
            seed=day,
            scale=0.2,
            start=f"2021-04-{day:02d}T08:30:25.749829",
            orbit=26300 + 15 * day,
            datatake=day,
        )
        for day in (5, 6)
    ]
    zip_products(folder / "S1A_WV_SLC__1SSV_....zip", small[0])
    zip_products(folder / "several.zip", *small)
    eopf = xos.simulate.write_eopf(small[0], folder / "eopf")
    (folder / "S01SWVSLC_....zarr").symlink_to(eopf)
    for month, path in enumerate(small, start=4):
        zip_products(folder / "2021" / "04" / f"{path.stem}.zip", path)
        (folder / "archive" / f"2021-{month:02d}").mkdir()
        (folder / "archive" / f"2021-{month:02d}" / path.name).symlink_to(path)
    (folder / "list.txt").write_text("\n".join(str(p) for p in small))
    everything = labelled(10, first=100)
    xos.to_zarr(everything, folder / "labelled.zarr")
    xos.to_zarr(everything.isel(vignette=slice(None, 32)), folder / "train.zarr")
    xos.to_zarr(labelled(3, first=200), folder / "test.zarr")
    xos.to_zarr(many_embeddings(everything), folder / "known.zarr")
    everything["swh"].reset_coords(drop=True).assign_coords(
        vignette_id=everything.vignette_id
    ).to_netcdf(folder / "matched.nc")
    buoys(ds).to_netcdf(folder / "buoys.nc")
    year = np.arange("2021-01-01", "2022-01-01", dtype="datetime64[D]")
    heights = ("time", 2 + np.cos(np.arange(year.size)), {"units": "m"})
    buoy = xr.Dataset({"swh": heights}, {"time": year.astype("datetime64[ns]")})
    buoy.to_netcdf(folder / "buoy.nc")
    shutil.copytree(xos.load_model().path, folder / "path" / "to" / "bundle")
    (folder / "era5").mkdir()
    era5(ds).to_netcdf(folder / "era5" / "2021-04.nc")
    track(ds).to_netcdf(folder / "jason3.nc")
    ocn = folder / OCN
    write_with_spectra(ocn / "measurement")
    sign(ocn)
    (folder / "S1A_WV_OCN__2SSV_....SAFE").symlink_to(ocn)
    write_tengeop(folder / "TenGeoP-SARwv")
    xos.to_zarr(calibrated_tengeop(folder / "TenGeoP-SARwv"), folder / "2016.zarr")
    xos.to_zarr(script("gallery").year(), folder / "results.zarr")
    year = folder / "archive" / "2021"
    xos.process(year, folder / "archive.zarr", scheduler="synchronous")
    checkpoint(folder / "checkpoint.pth")
    if importlib.util.find_spec("onnx") is not None:
        write_networks(folder)
    return folder


def write_networks(folder: Path) -> None:
    """Write two laws as others publish networks, and features of the wide swath for one of them."""
    import json

    from tests.ops.test_onnx_prediction import FLOAT, helper, onnx, write
    from xoceansar.spectra.scaler_features import SCALER_FEATURES

    value = helper.make_tensor_value_info
    weights = [
        onnx.numpy_helper.from_array(np.ones((24, 1), np.float32), name)
        for name in ("p", "c")
    ]
    write(
        folder / "hs.onnx",
        nodes=[
            helper.make_node("MatMul", ["input", "p"], ["pred"]),
            helper.make_node("MatMul", ["input", "c"], ["conf"]),
        ],
        inputs=[value("input", FLOAT, ["n", 24])],
        outputs=[value("pred", FLOAT, ["n", 1]), value("conf", FLOAT, ["n", 1])],
        weights=weights,
    )
    write(
        folder / "network.onnx",
        inputs=[value("x", FLOAT, ["n", 35])],
        outputs=[value("y", FLOAT, ["n", 1])],
        weights=[onnx.numpy_helper.from_array(np.ones((35, 1), np.float32), "w")],
    )
    ends = {
        "features_names_order": list(SCALER_FEATURES),
        "data_min": [0] * 35,
        "data_max": [1] * 35,
        "scaler_range": [0, 1],
    }
    (folder / "scaler.json").write_text(json.dumps(ends))
    tiles = ("burst", "tile_sample")
    one = {
        n: (tiles, np.ones((3, 2))) for n in ("sigma0_filt", "normalized_variance_filt")
    }
    xr.Dataset(
        {
            **one,
            "incidence": (tiles, np.full((3, 2), 35.0), {"units": "degree"}),
            "azimuth_cutoff": (tiles, np.full((3, 2), 200.0), {"units": "m"}),
            "cwave_params": ((*tiles, "k_gp", "phi_hf"), np.ones((3, 2, 4, 5))),
        }
    ).to_netcdf(folder / "l1b.nc")


def zip_products(path: Path, *products: Path) -> None:
    """Zip products as they are distributed."""
    with zipfile.ZipFile(path, "w") as archive:
        for product in products:
            for file in sorted(p for p in product.rglob("*") if p.is_file()):
                archive.write(file, Path(product.name, file.relative_to(product)))


def checkpoint(path: Path) -> None:
    """Write random weights of a ViT-S/16 as others keep them."""
    import timm

    torch.manual_seed(0)
    network = timm.create_model("vit_small_patch16_224", img_size=256, num_classes=0)
    torch.save(network.state_dict(), path)


def stand_in_for_xsar() -> type:
    """Return a Sentinel1Dataset that opens the simulated swath of the example."""
    import xsar

    tree = script("wide_swath").simulated

    # derived, so that `repair_xsar` finds what it replaces, and replaces it here alone
    class Sentinel1Dataset(xsar.Sentinel1Dataset):
        def __init__(self, path: str, **kwargs: object) -> None:
            self.datatree = tree()

        def add_high_resolution_variables(self) -> None:
            """Have them already."""

        def apply_calibration_and_denoising(self) -> None:
            """Be calibrated already."""

    return Sentinel1Dataset
