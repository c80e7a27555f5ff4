"""STAC items as the Copernicus Data Space writes them: of products on disk, of made-up ones, and real ones."""

import hashlib
import json
from pathlib import Path

import pytest

from xoceansar.io.safe.product import discover

SHARED = Path(__file__).parents[2] / ".." / "shared" / "data" / "stac"


def real_items():
    """Two real items; skips where they are not at hand."""
    paths = [SHARED / "wvitem.json", SHARED / "wvitem2.json"]
    if not all(path.exists() for path in paths):
        pytest.skip("needs the real STAC items")
    return [json.loads(path.read_text()) for path in paths]


def ring_of(longitude, latitude, size=0.18):
    """Outline of a vignette about a place, closed."""
    half = size / 2
    corners = [(-half, -half), (half, -half), (half, half), (-half, half)]
    ring = [[(longitude + x + 180) % 360 - 180, latitude + y] for x, y in corners]
    return [*ring, ring[0]]


def made_item(
    start="2022-11-01T03:48:02", places=((-30.0, 40.0),), *, crc="0FB9", ipf="003.52", platform="s1a",
    orbit="045695", datatake="057704", timeliness="Fast-24h",
):  # fmt: skip
    """Make up an item of vignettes at some places, 14.66 s apart, whose files lie nowhere."""
    import pandas as pd

    begin = pd.Timestamp(start)
    times = [begin + pd.Timedelta(seconds=14.66 * k) for k in range(len(places))]
    stop = times[-1] + pd.Timedelta(seconds=3)
    name = (
        f"{platform.upper()}_WV_SLC__1SSV_{begin:%Y%m%dT%H%M%S}_{stop:%Y%m%dT%H%M%S}_{orbit}_"
        f"{datatake.upper()}_{crc}"
    )
    assets = {}
    for number, time in enumerate(times, 1):
        beam = f"wv{2 - number % 2}"
        ends = f"{time:%Y%m%dt%H%M%S}-{time + pd.Timedelta(seconds=3):%Y%m%dt%H%M%S}"
        stem = f"{platform}-{beam}-slc-vv-{ends}-{orbit}-{datatake}-{number:03d}"
        for key, path in _paths(stem).items():
            assets[key.format(f"{beam}-vv-{number:03d}")] = _asset(name, path, 1000)
    assets["safe_manifest"] = _asset(name, "manifest.safe", 500)
    longitudes, latitudes = zip(*places, strict=True)
    return _item(
        name, begin, stop, assets, [ring_of(*place) for place in places],
        [min(longitudes) - 0.1, min(latitudes) - 0.1, max(longitudes) + 0.1, max(latitudes) + 0.1],
        ipf, timeliness, platform,
    )  # fmt: skip


def item_of(folder, bucket="eodata", **changes):
    """Make the item of a product on disk, whose files lie in a bucket."""
    from xoceansar import open_wave_mode

    (product,) = discover(str(folder))
    ds = open_wave_mode(folder, shape=(4, 4))
    assets = {}
    for files in product.vignettes:
        label = f"{files.name.beam}-{files.name.polarisation.lower()}-{files.name.number:03d}"
        for key, path in _paths(files.name.stem).items():
            data = Path(folder, path).read_bytes()
            md5 = hashlib.md5(data).hexdigest()
            assets[key.format(label)] = _asset(
                product.name.removesuffix(".SAFE"), path, len(data), md5, bucket
            )
    data = Path(folder, "manifest.safe").read_bytes()
    assets["safe_manifest"] = _asset(
        product.name.removesuffix(".SAFE"), "manifest.safe", len(data), hashlib.md5(data).hexdigest(), bucket
    )  # fmt: skip
    rings = [ring_of(x, y) for x, y in zip(ds.longitude.values, ds.latitude.values, strict=True)]  # fmt: skip
    import pandas as pd

    begin = pd.Timestamp(product.vignettes[0].name.start)
    stop = pd.Timestamp(product.vignettes[-1].name.stop)
    points = [point for ring in rings for point in ring]
    box = [min(p[0] for p in points), min(p[1] for p in points), max(p[0] for p in points), max(p[1] for p in points)]  # fmt: skip
    item = _item(
        product.name.removesuffix(".SAFE"), begin, stop, assets, rings, box, product.ipf_version,
        "Fast-24h", product.vignettes[0].name.platform.lower(),
    )  # fmt: skip
    item["properties"]["processing:facility"] = "Simulated by xoceansar"
    item["properties"]["processing:datetime"] = product.processed
    return item


def _paths(stem):
    return {
        "{}": f"measurement/{stem}.tiff",
        "schema-product-{}": f"annotation/{stem}.xml",
        "schema-calibration-{}": f"annotation/calibration/calibration-{stem}.xml",
        "schema-noise-{}": f"annotation/calibration/noise-{stem}.xml",
    }


def _asset(name, path, size, md5="0" * 32, bucket="eodata"):
    day = name[17:25]
    nodes = "/".join(f"Nodes({part})" for part in [f"{name}.SAFE", *path.split("/")])
    key = f"Sentinel-1/SAR/WV_SLC__1S/{day[:4]}/{day[4:6]}/{day[6:]}/{name}.SAFE/{path}"
    return {
        "href": f"s3://{bucket}/{key}",
        "file:size": size,
        "file:checksum": f"d50110{md5}",
        "file:local_path": f"{name}.SAFE/{path}",
        "alternate": {
            "https": {
                "href": f"https://zipper.dataspace.copernicus.eu/odata/v1/Products(1-2)/{nodes}/$value"
            }
        },
    }


def _item(name, begin, stop, assets, rings, box, ipf, timeliness, platform):
    return {
        "type": "Feature", "stac_version": "1.1.0", "stac_extensions": [], "collection": "sentinel-1-slc-wv",
        "id": name, "bbox": box, "links": [], "assets": assets,
        "geometry": {"type": "MultiPolygon", "coordinates": [[ring] for ring in rings]},
        "properties": {
            "datetime": f"{begin:%Y-%m-%dT%H:%M:%S}Z", "start_datetime": f"{begin:%Y-%m-%dT%H:%M:%S}Z",
            "end_datetime": f"{stop:%Y-%m-%dT%H:%M:%S}Z", "platform": f"sentinel-1{platform[-1]}",
            "processing:software": {"Sentinel-1 IPF": ipf}, "processing:version": ipf[1:],
            "processing:datetime": f"{stop + (stop - stop) :%Y-%m-%dT%H:%M:%S}Z",
            "product:timeliness_category": timeliness,
            "storage:schemes": {
                "cdse-s3": {"type": "custom-s3", "platform": "https://eodata.dataspace.copernicus.eu"},
            },
        },
    }  # fmt: skip
