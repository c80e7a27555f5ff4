"""Fit a wave height head with one's own truth, and use it.

Runs without any data: vignettes are simulated, with their truth. Give an archive of yours (sigma0, and
swh with units) to use that instead:

    python examples/fit_a_head.py [LABELLED.zarr]
"""

import sys
import tempfile
from pathlib import Path

import xarray as xr

import xoceansar as xos
from xoceansar.train import fit


def main() -> None:
    if len(sys.argv) > 1:
        ds = xr.open_zarr(sys.argv[1])
    else:
        # 12 passes of 6 vignettes; images no larger than the model sees
        parts = [xos.simulate.vignettes(6, seed=seed) for seed in range(12)]
        ds = xr.concat(parts, "vignette", combine_attrs="drop_conflicts")

    # embedded once, used by both fits
    cached = ds.drop_vars("sigma0").assign(
        embedding_vector=ds.oceansar.embed().compute()
    )
    for head in ("linear", "knn"):
        result = fit(cached, "swh", head=head)
        print(result)

    result = fit(cached, "swh", head="linear")
    folder = Path(tempfile.mkdtemp(prefix="xoceansar-")) / "my-model"
    model = result.write(folder)
    print(model)
    print(cached.oceansar.swh(model=model)[:5].values, "m")


if __name__ == "__main__":
    main()
