"""What little real sea is at hand: pictures with tags, ships at sea, winds and wave heights, beside the simulated scores.

    python benchmarks/real.py [--model BUNDLE] [PART ...]

Nothing is fitted to any of it but where a line says so. Pictures are grey levels of an unknown stretch and no sigma0: they are read as amplitude, as
intensity and as decibel, at a level that the beam is likely to have. Needs ../shared/data; parts without their files are left out.
"""

import argparse
import csv
import sys
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import rasterio
import xarray as xr
from _report import report
from lxml import etree
from rasterio.io import MemoryFile
from scipy.stats import chi2
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from xoceansar import open_ocn
from xoceansar.conventions import OCEAN_CLASSES
from xoceansar.errors import OceansarWarning
from xoceansar.models import ModelHandle, load_model
from xoceansar.ops import embed, gmf_wind, retrieve
from xoceansar.sar.cfar import CFAR_THRESHOLD, cfar
from xoceansar.sar.resample import area_weights

DATA = Path(__file__).parents[1] / "../shared/data"
SPACING, SIZE = 50.0, 384
#: Metres that a picture covers along each side: 0.5 km more than the grid.
EXTENT = {"wv1": 20_200.0, "wv2": 20_200.0}
INCIDENCE = {"wv1": 23.8, "wv2": 36.8}
#: Linear, at 7 m/s.
LEVEL = {"wv1": 0.25, "wv2": 0.05}
#: Tags of MulTags-SARwv that are classes of TenGeoP-SARwv.
TAGS = {
    "WS": "wind_streaks",
    "MC": "micro_convective_cells",
    "RC": "rain_cells",
    "AB": "atmospheric_front",
    "LW": "low_wind_area",
    "BS": "biological_slicks",
    "OF": "oceanic_front",
    "SI": "sea_ice",
    "IB": "icebergs",
}
#: Grey levels from 0 to 1 as power: what a stretch leaves of sigma0 is not known.
READINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "amplitude": lambda grey: grey**2,
    "intensity": lambda grey: grey,
    "decibel": lambda grey: 10 ** (2 * grey),
}


def read_grey(path: Path) -> np.ndarray:
    """Read the first channel of a picture, from 0 to 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path) as file:
            return np.asarray(file.read(1), np.float64) / 255


def averaged(image: np.ndarray, spacing: Sequence[float], size: int) -> np.ndarray:
    """Average an image of pixels of so many metres to `size` by `size` pixels of 50 m about its middle."""
    matrices = []
    for n, step in zip(image.shape, spacing, strict=True):
        weights = area_weights(
            (np.arange(n + 1) - n / 2) * step,
            (np.arange(size + 1) - size / 2) * SPACING,
        )
        rows = np.repeat(np.arange(size), np.diff(weights.offset))
        count = np.arange(weights.weight.size) - np.repeat(
            weights.offset[:-1], np.diff(weights.offset)
        )
        matrix = np.zeros((size, n))
        matrix[rows, weights.first[rows] + count] = weights.weight
        matrices.append(matrix)
    return matrices[0] @ image @ matrices[1].T


def pictures(paths: Sequence[Path], reading: str) -> xr.Dataset:
    """Make vignettes of pictures: nothing about them but the beam is known."""
    beams = ["wv2" if "-wv2-" in path.name else "wv1" for path in paths]
    images = []
    for path, beam in zip(paths, beams, strict=True):
        grey = read_grey(path)
        spacing = [EXTENT[beam] / n for n in grey.shape]
        image = averaged(READINGS[reading](grey), spacing, SIZE)
        images.append(image * LEVEL[beam] / image.mean())
    return xr.Dataset(
        {
            "sigma0": (
                ("vignette", "line", "sample"),
                np.array(images, np.float32),
                {"units": "1"},
            )
        },
        coords={
            "beam": ("vignette", beams),
            "polarisation": ("vignette", ["VV"] * len(paths)),
            "incidence": (
                "vignette",
                [INCIDENCE[beam] for beam in beams],
                {"units": "degree"},
            ),
            "pixel_spacing": ((), SPACING, {"units": "m"}),
        },
    )


def score_pictures(
    name: str, paths: Sequence[Path], tags: Sequence[set[str]], model: ModelHandle, bar: str, least: int
) -> None:  # fmt: skip
    """Report classes, distance and neighbours of pictures, each way to read them."""
    tagged = [k for k, names in enumerate(tags) if names]
    common = Counter(tag for k in tagged for tag in tags[k]).most_common(1)[0]
    report(f"real.{name}.best_constant_answer", f"{common[0]}: {common[1]} of {len(tagged)}", "", "", None)  # fmt: skip
    for reading in READINGS:
        ds = pictures(paths, reading)
        out = retrieve(ds, model=model).compute()
        answers = [OCEAN_CLASSES[int(k)] for k in out["ocean_class"].values]
        right = [answers[k] for k in tagged if answers[k] in tags[k]]
        where = f"real.{name}.{reading}"
        report(f"{where}.class_among_tags", f"{len(right)} of {len(tagged)}", "", bar, len(right) >= least)  # fmt: skip
        report(f"{where}.different_classes_right", float(len(set(right))), "1", "", None)  # fmt: skip
        far = float((out["ood_score"].values > 0.9).mean())
        report(f"{where}.share_far_from_training", far, "1", "<= 0.5", far <= 0.5)
        report(f"{where}.neighbour_shares_a_tag", shared_tags(ds, tags, model), "", "", None)  # fmt: skip


def shared_tags(ds: xr.Dataset, tags: Sequence[set[str]], model: ModelHandle) -> str:
    """Count the pictures whose nearest other one has a tag of theirs, beside what chance gives."""
    rows = [k for k, names in enumerate(tags) if names]
    vectors = embed(ds.isel(vignette=rows), model=model).values.astype(np.float64)
    vectors -= vectors.mean(axis=0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    near = vectors @ vectors.T - 2 * np.eye(len(rows))
    same = np.array([[bool(tags[i] & tags[j]) for j in rows] for i in rows])
    hits = same[np.arange(len(rows)), near.argmax(axis=1)].sum()
    chance = (same.sum(axis=1) - 1).sum() / (len(rows) - 1)
    return f"{hits} of {len(rows)}; by chance {chance:.1f}"


def quick_looks(model: ModelHandle) -> None:
    folder = DATA / "wvnet_assets"
    with (folder / "sample_data.csv").open() as file:
        rows = list(csv.DictReader(file))
    tags = [{TAGS[tag] for tag in TAGS if row[tag] == "1"} for row in rows]
    paths = [folder / row["filename"] for row in rows]
    score_pictures("quick_looks", paths, tags, model, ">= 10 of 12", 10)


def tengeop(model: ModelHandle) -> None:
    paths = sorted((DATA / "tengeop_wv1_2016").glob("*.png"))
    tags = [
        {"pure_ocean_waves" if path.name.startswith("PURE") else "wind_streaks"}
        for path in paths
    ]
    score_pictures("tengeop", paths, tags, model, ">= 5 of 6", 5)


def read_chips() -> list[tuple[np.ndarray, float]]:
    """Read chips of ships at sea: sigma0 in pixels of 10 m, and metres from bow to stern as the radar shows it."""
    chips = []
    for path in sorted((DATA / "opensarship").glob("*GRDH*.zip")):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            text = archive.read(next(n for n in names if n.endswith("Ship.xml")))
            tree = etree.fromstring(text, etree.XMLParser(recover=True))
            lengths = {
                tuple(int(ship.findtext(f".//Center_{axis}")) for axis in "xy"): float(
                    ship.findtext(".//Manual_Length")
                )
                for ship in tree.iter("ship")
            }
            for name in names:
                if "Patch_Cal/" in name and name.endswith(".tif"):
                    x, y = (int(part[1:]) for part in Path(name).stem.split("_")[-2:])
                    chips.append((read_first(archive.read(name)), lengths[x, y]))
    return chips


def read_first(data: bytes) -> np.ndarray:
    """Read the first channel of a picture in memory."""
    with MemoryFile(data) as memory, warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with memory.open() as file:
            return np.asarray(file.read(1), np.float64)


def clutter(model: ModelHandle) -> None:
    """Count what CFAR finds beyond the ship in chips of 10 m, with windows of as many pixels as at 50 m: the chips are too small for that."""
    del model
    alarms = seen = pixels = 0
    chips = [(image, n) for image, n in read_chips() if min(image.shape) >= 53]
    for image, length in chips:
        boxes, _ = cfar(image, spacing=SPACING, threshold=CFAR_THRESHOLD)
        centre = ((boxes[:, :2] + boxes[:, 2:]) / 2 - 0.5) * image.shape
        own = 0.75 * length / 10 + 4
        near = np.hypot(*centre.T) <= own
        alarms += int((~near).sum())
        seen += bool(near.any())
        pixels += image.size - int(np.pi * own**2)
    low = chi2.ppf(0.025, 2 * alarms) / 2 if alarms else 0.0
    high = chi2.ppf(0.975, 2 * alarms + 2) / 2
    per = [f"{1e6 * n / pixels:.0f}" for n in (alarms, low, high)]
    found = f"{alarms} in {pixels} pixels: {per[0]} in a million ({per[1]} to {per[2]})"
    report("real.clutter.cfar_beyond_the_ship", found, "", "", None)
    report("real.clutter.cfar_ships_seen", f"{seen} of {len(chips)}", "", "", None)


def winds(model: ModelHandle) -> None:
    """CMOD5.N inverted with ESA's mean backscatter of Level 2, without a direction and with the weather model's."""
    del model
    paths = sorted((DATA / "ocn_wv").glob("s1*.nc"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OceansarWarning)
        ds = open_ocn([str(path) for path in paths]).load()
    one = ds["sigma0_mean"].expand_dims({"line": 1, "sample": 1}, axis=(1, 2))
    level = one.rename("sigma0").to_dataset()
    by = {
        "blind": gmf_wind(level),
        "directed": gmf_wind(level, wind_to_direction=ds["wind_to_direction_model"]),
    }
    for k, name in enumerate(ds["vignette_id"].values):
        where = f"real.winds.{name[4:7]}_{name[15:23]}"
        for kind, result in by.items():
            report(f"{where}.{kind}", float(result["wind_speed"][k]), "m s-1", "", None)
        report(f"{where}.esa", float(ds["wind_speed_mean"][k]), "m s-1", "", None)
        report(f"{where}.ecmwf", float(ds["wind_speed_model"][k]), "m s-1", "", None)


def wave_heights(model: ModelHandle) -> None:
    """Wave heights of an IW scene beside SWOT's: Ifremer's network, and a ridge on its inputs that is fitted to the other half."""
    del model
    path = next((DATA / "s1_iw_swot").glob("*.nc"))
    ds = xr.load_dataset(path)
    kept = (
        (ds["swh_karin_mean"] > 1)
        & (ds["swh_karin_std"] < 0.7)
        & (ds["nb_SWOT_points"] >= 10)
    ).values
    truth = ds["swh_karin_mean"].values[kept]
    vv = ds.sel(pol="VV")
    cwave = (
        vv["cwave_params"]
        .transpose("tile_line", "tile_sample", ...)
        .values.reshape(*kept.shape, -1)
    )
    others = [
        vv[name].values
        for name in (
            "normalized_variance_filt",
            "azimuth_cutoff",
            "sigma0_filt",
            "incidence",
        )
    ]
    inputs = np.concatenate([np.stack(others, -1), cwave], axis=-1)[kept]
    line = np.broadcast_to(np.arange(kept.shape[0])[:, None], kept.shape)[kept]
    north = line >= np.median(line)
    found = np.full(truth.shape, np.nan)
    usable = np.isfinite(inputs).all(axis=1)
    for half in (north, ~north):
        fit = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 4, 13)))
        fit.fit(inputs[~half & usable], truth[~half & usable])
        found[half & usable] = fit.predict(inputs[half & usable])
    report("real.swot.tiles", float(usable.sum()), "1", "", None)
    report("real.swot.spread_of_truth", float(truth[usable].std()), "m", "", None)
    for name, heights in (
        ("ifremer", ds["hs_most_likely"].values[kept]),
        ("ridge_fitted_to_the_other_half", found),
    ):
        error = (heights - truth)[usable]
        report(f"real.swot.{name}.bias", float(np.nanmean(error)), "m", "", None)
        report(f"real.swot.{name}.rmse", float(np.sqrt(np.nanmean(error**2))), "m", "", None)  # fmt: skip


PARTS = {
    "quick_looks": quick_looks,
    "tengeop": tengeop,
    "clutter": clutter,
    "winds": winds,
    "wave_heights": wave_heights,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])
    args = parser.parse_args()
    if not DATA.exists():
        sys.exit(print(f"skipped: needs the data at {DATA}"))
    bundle = load_model(args.model) if args.model else load_model()
    for part in args.parts or PARTS:
        PARTS[part](bundle)
