"""Small inputs that every part of the suite shares."""

import importlib.util
import os
from dataclasses import replace

import dask
import numpy as np
import pytest
import xarray as xr
from hypothesis import settings

from tests.optional import skip_without
from xoceansar.conventions import OCEAN_CLASSES

SIZE = 64

# The same examples in every run, so that a change is judged by what it changes; `make test-all` draws others.
settings.register_profile("fixed", derandomize=True)
settings.load_profile("fixed")


@pytest.fixture(scope="session", autouse=True)
def _processor(tmp_path_factory):
    """With PRECISION=bf16 or fp32, let any processor seem to have units for bf16, or none."""
    precision = os.environ.get("PRECISION")
    if precision is None or importlib.util.find_spec("torch") is None:
        yield
        return
    from xoceansar.models.inference import runtime

    flags = tmp_path_factory.mktemp("processor") / "cpuinfo"
    flags.write_text(
        {"bf16": "flags : avx2 amx_bf16", "fp32": "flags : avx2"}[precision]
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime, "_CPUINFO", flags)
        yield


def _run():
    """Run a step of a test; where only the core is installed, skip what needs more."""
    try:
        return (yield)
    except Exception as error:
        if "CORE_ONLY" in os.environ:
            skip_without(error)
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    """Fixtures."""
    return (yield from _run())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Tests."""
    return (yield from _run())


def tolerance(handle):
    """How far the library lets numbers of one image be apart, in the precision of this run."""
    from xoceansar.models.inference.runtime import precision_bits
    from xoceansar.models.spec.choices import TOLERANCE

    return TOLERANCE["bf16" if precision_bits(handle) == 16 else "fp32"]


def refuse_to_compute(dsk, keys, **kwargs):
    """Fail if anything is computed: a Dask scheduler."""
    raise AssertionError("something was computed while the graph was built")


@pytest.fixture
def no_compute():
    """Make any computation an error."""
    with dask.config.set(scheduler=refuse_to_compute):
        yield


@pytest.fixture
def images():
    """Six vignettes of 72 x 72 pixels in the library's layout, in memory."""
    rng = np.random.default_rng(7)
    n, size = 6, 72
    level = np.array([0.3, 0.05, 0.2, 0.02, 0.4, 0.01])[:, None, None]
    sigma0 = level * rng.gamma(30.0, 1 / 30.0, (n, size, size))
    beam = np.array(["wv1", "wv2"] * 3)
    incidence = np.where(beam == "wv1", 23.8, 36.8)[:, None] + np.linspace(
        -0.6, 0.6, size
    )
    data = xr.DataArray(
        sigma0.astype(np.float32),
        dims=("vignette", "line", "sample"),
        attrs={"units": "1", "long_name": "as read"},
    )
    coords = {
        "vignette_id": ("vignette", [f"s1a-{b}-{i:03d}" for i, b in enumerate(beam)]),
        "beam": ("vignette", beam),
        "polarisation": ("vignette", ["VV"] * n),
        "platform": ("vignette", ["S1A"] * n),
        "longitude": ("vignette", np.linspace(-30.0, -28.0, n)),
        "latitude": ("vignette", np.linspace(10.0, 16.0, n)),
        "time": (
            "vignette",
            np.datetime64("2021-04-03T08:30:25.749829", "ns")
            + np.arange(n) * np.timedelta64(14_660, "ms"),
        ),
        "incidence": (("vignette", "sample"), incidence.astype(np.float32)),
        "pixel_spacing": 50.0,
    }
    ds = xr.Dataset({"sigma0": data}, attrs={"history": "read"})
    return ds.assign_coords(coords)


@pytest.fixture(scope="session")
def exact_model(tiny_model):
    """The tiny bundle in float32 on any processor, for laws that the rounding of bf16 would hide."""
    return replace(tiny_model, precision="fp32")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """Write a bundle of two blocks and width 24, with heads of random but seeded numbers."""
    return write_tiny_model(tmp_path_factory.mktemp("bundle") / "tiny")


def write_tiny_model(folder, scale="dB", polarisations=("VV",), seed=0):
    """Write a tiny bundle and return its handle."""
    import torch

    from xoceansar.models import BackboneSpec, Head, HeadSpec, InputSpec, write_bundle
    from xoceansar.models.networks.vit import build_network

    backbone = BackboneSpec(
        architecture="vit_tiny_patch16_224",
        kwargs={"depth": 2, "embed_dim": 24, "num_heads": 2},
        embedding_dim=72,
        pooling="cls+mean+std",
    )
    torch.manual_seed(seed)
    network = build_network(backbone, SIZE)
    state = {k: v.numpy() for k, v in network.state_dict().items()}
    spec = InputSpec(
        scale=scale,
        size=SIZE,
        centre="vignette",
        mean=None,
        std=1.5,
        polarisations=polarisations,
    )
    arguments = {
        "name": f"tiny-{scale}-{seed}",
        "backbone": backbone,
        "backbone_state": state,
        "input": spec,
    }
    handle = write_bundle(folder, **arguments)
    rng = np.random.default_rng(seed)

    def head(name, kind, target, units, n_out, **kwargs):
        n_in = 72 + len(kwargs.get("ancillary", ()))
        head_spec = HeadSpec(
            name=name,
            kind=kind,
            target=target,
            units=units,
            pooling="cls+mean+std",
            backbone_sha256=handle.weights_sha256,
            **kwargs,
        )
        arrays = {
            "mean": np.zeros(n_in),
            "std": np.ones(n_in),
            "weight": rng.normal(0, 0.1, (n_in, n_out)),
            "bias": np.full(n_out, 2.0),
        }
        return Head(head_spec, {k: v.astype(np.float32) for k, v in arrays.items()})

    both = ("sigma0_mean_db", "incidence")
    heads = [
        head("swh", "linear", "swh", "m", 1, lower_bound=0.0),
        head("wind_speed", "linear", "wind_speed", "m s-1", 1, ancillary=both),
        head("ocean_class", "logistic", "ocean_class", "1", 10, classes=OCEAN_CLASSES),
    ]
    return write_bundle(folder, heads=heads, **arguments)
