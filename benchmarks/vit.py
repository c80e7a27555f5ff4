"""`embed()` over Dask beside the best loop of pure torch and the loop that a user would write.

`python vit.py [IMAGES] [TURNS]`. The network is a ViT-S/16 at 256 px of random weights; agreement
between precisions is of the trained bundle that is shipped, on simulated vignettes. Ratios are of
the processor's time as well as of the clock's: where others use the machine only the first says
what the code costs.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import dask.array as da
import numpy as np
import torch
import xarray as xr
from _report import report

from xoceansar.models import BackboneSpec, InputSpec, load_model, write_bundle
from xoceansar.models.inference.runtime import computes_bf16_fast, get_network
from xoceansar.models.networks.preprocessing import network_input
from xoceansar.models.networks.vit import (
    build_network,
    network_weights,
    pooled_features,
)
from xoceansar.models.spec import ModelHandle

#: Operations of a ViT-S/16 on one image of 256 px, attention included.
GIGA, SIZE, BATCH, NEIGHBOURS = 12.18, 256, 16, 10


def small_model(folder: str) -> ModelHandle:
    backbone = BackboneSpec(
        architecture="vit_small_patch16_224", embedding_dim=384, pooling="cls"
    )
    torch.manual_seed(0)
    state = network_weights(build_network(backbone, SIZE))
    spec = InputSpec(scale="dB", size=SIZE, centre="vignette", mean=None, std=1.5)
    return write_bundle(
        Path(folder, "small"), name="small", backbone=backbone, backbone_state=state,
        input=spec,
    )  # fmt: skip


def vignettes(n: int) -> xr.Dataset:
    sigma0 = np.random.default_rng(0).gamma(30, 0.01, (n, SIZE, SIZE))
    return xr.Dataset(
        {"sigma0": (("vignette", "line", "sample"), sigma0.astype(np.float32))},
        coords={
            "pixel_spacing": 50.0,
            "incidence": ("vignette", np.full(n, 23.8)),
            "polarisation": ("vignette", ["VV"] * n),
        },
    )


def timed(action: Callable[[], object]) -> tuple[float, float]:
    clock, processor = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - clock, time.process_time() - processor


def gemm_peak(dtype: torch.dtype) -> Callable[[], object]:
    """Multiply as the largest layers do; as many operations as `BATCH` images."""
    rows, width = BATCH * 257, 384
    one = torch.randn(rows, width).to(dtype)
    other = torch.randn(width, 4 * width).to(dtype)
    times = round(BATCH * GIGA * 1e9 / (2 * rows * width * 4 * width))
    out = torch.empty(rows, 4 * width, dtype=dtype)
    return lambda: [torch.mm(one, other, out=out) for _ in range(times)]


def speed(handle: ModelHandle, n: int, turns: int) -> None:
    ds = vignettes(n)
    lazy = ds.assign(
        sigma0=ds.sigma0.copy(data=da.from_array(ds.sigma0.values, (BATCH, -1, -1)))
    )
    network = get_network(handle)
    incidence = ds.incidence.values

    def loop(batch: int) -> None:
        for first in range(0, n, batch):
            part = slice(first, first + batch)
            images, _, _ = network_input(
                ds.sigma0.values[part],
                incidence[part],
                spec=handle.input,
                quantity="linear",
            )
            tensor = torch.from_numpy(images).to(network.dtype)
            with torch.inference_mode():
                pooled_features(network.module, tensor, "cls").numpy()

    naive = get_network(replace(handle, precision="fp32"))

    def one_by_one() -> None:
        for i in range(BATCH):
            image = torch.from_numpy(ds.sigma0.values[i : i + 1, None])
            with torch.no_grad():
                naive.module(image).numpy()

    peak = gemm_peak(network.dtype)
    actions = {
        "embed": lambda: lazy.oceansar.embed(model=handle).compute(),
        "loop 16": lambda: loop(16),
        "loop 8": lambda: loop(8),
        "one": one_by_one,
        "gemm": peak,
    }
    per = {"one": BATCH, "gemm": BATCH}
    for action in actions.values():
        action()
    runs = [
        {
            name: [v / per.get(name, n) for v in timed(action)]
            for name, action in actions.items()
        }
        for _ in range(turns)
    ]
    for which, unit in ((1, "processor time"), (0, "clock")):
        best = [min(run["loop 16"][which], run["loop 8"][which]) for run in runs]

        def median(name: str, over: list[float], which: int = which) -> float:
            return statistics.median(
                o / run[name][which] for o, run in zip(over, runs, strict=True)
            )

        torch_ratio = median("embed", best)
        naive_ratio = median("embed", [run["one"][which] for run in runs])
        share = median("embed", [run["gemm"][which] for run in runs])
        report(
            "vit.torch",
            torch_ratio,
            f"of the best torch loop, {unit}",
            ">= 0.95",
            torch_ratio >= 0.95,
        )
        report(
            "vit.naive",
            naive_ratio,
            f"times the loop of batch 1, fp32, {unit}",
            ">= 5 with bf16 units",
            None if not computes_bf16_fast("cpu") else naive_ratio >= 5,
        )
        report(
            "vit.gemm",
            share,
            f"of the GEMM peak in {network.dtype}, {unit}",
            ">= 0.5",
            share >= 0.5,
        )
    rate = statistics.median(1 / run["embed"][0] for run in runs)
    report("vit.rate", rate, "images/s", "", None)


def overlap(n: int) -> None:
    """Neighbours that two precisions have in common, on trained weights."""
    from xoceansar.neighbours.nearest import nearest
    from xoceansar.simulate import vignettes as simulated

    ds = simulated(n, seed=77).load()
    shipped = load_model()
    exact = ds.oceansar.embed(model=replace(shipped, precision="fp32")).values
    other = ds.oceansar.embed(model=replace(shipped, precision="bf16")).values
    batch = (
        ds.chunk(vignette=1)
        .oceansar.embed(model=replace(shipped, precision="fp32"))
        .values
    )
    own = np.arange(n)
    first = nearest(exact, [exact], NEIGHBOURS, without=own)[1]
    for name, vectors in (("bf16", other), ("fp32_batch_1", batch)):
        second = nearest(vectors, [vectors], NEIGHBOURS, without=own)[1]
        shared = (
            np.mean([len(set(a) & set(b)) for a, b in zip(first, second, strict=True)])
            / NEIGHBOURS
        )
        length = np.linalg.norm(exact, axis=1) * np.linalg.norm(vectors, axis=1)
        cosine = float(((exact * vectors).sum(1) / length).min())
        report(
            f"vit.overlap.{name}",
            float(shared),
            f"of {NEIGHBOURS} neighbours, {n} vignettes",
            "",
            None,
        )
        report(f"vit.cosine.{name}", cosine, "least cosine with fp32", "", None)


def main() -> None:
    n, turns = (int(v) for v in (sys.argv[1:] or (64, 7)))
    with tempfile.TemporaryDirectory() as folder:
        speed(small_model(folder), n, turns)
    overlap(96)


if __name__ == "__main__":
    main()
