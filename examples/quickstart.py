"""From a Wave Mode product to wave height, wind, class and a map.

Runs without any data: a small product in the real format is simulated first. Give the path of a real
product to use that instead:

    python examples/quickstart.py [PRODUCT.SAFE]
"""

import sys
import tempfile
from pathlib import Path

import xoceansar as xos


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="xoceansar-"))
    if len(sys.argv) > 1:
        product = Path(sys.argv[1])
    else:
        product = xos.simulate.write_safe(folder, n=4, seed=1)

    ds = xos.open_wave_mode(product)  # reads no pixel
    print(ds.oceansar)

    result = ds.oceansar.retrieve().compute()  # one pass over the pixels
    print(result[["swh", "wind_speed", "ocean_class", "quality"]].to_dataframe())

    kept = ds.oceansar.texture().assign(ds.oceansar.image_statistics())
    kept = kept.assign(embedding_vector=ds.oceansar.embed()).compute()
    again = kept.oceansar.swh()  # no image, no network
    print("largest difference:", float(abs(again - result.swh).max()), "m")

    xos.to_zarr(result, folder / "result.zarr")
    result.swh.oceansar.plot.map().savefig(folder / "map.png")
    result.assign(sigma0=ds.sigma0).oceansar.plot.vignettes().savefig(
        folder / "vignettes.png"
    )
    print("written to", folder)


if __name__ == "__main__":
    main()
