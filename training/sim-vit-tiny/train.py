"""Train the shipped bundle: a ViT-Ti/16 on simulated vignettes, then its heads.

    python training/sim-vit-tiny/train.py simulate    # the three sets, into cache/
    python training/sim-vit-tiny/train.py backbone    # the network, into cache/backbone.pt
    python training/sim-vit-tiny/train.py heads       # heads, baselines, scores, the bundle

The backbone learns, from each image, what the simulator knows of it (wave height, wind speed,
class) and what a person would measure on it (the hand features of the whole image, and the local
spectrum of each patch). The heads are then fitted on the frozen backbone through the same
functions that users have. Everything here is simulated.
"""

import argparse
import json
import math
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import nn
from torch.nn import functional as F

from xoceansar import simulate
from xoceansar.evaluate import hand_features
from xoceansar.models.preprocess import network_input
from xoceansar.models.spec import InputSpec

HERE = Path(__file__).parent
CACHE = HERE / "cache"
SETS = ("train", "validation", "test")
PATCH = 16


def read_config() -> dict[str, Any]:
    """Return config.toml."""
    return tomllib.loads((HERE / "config.toml").read_text())


# ---------------------------------------------------------------------------- data


def simulate_sets(config: dict[str, Any]) -> None:
    """Write each set that is not there: images as .npy, what is known of them as .npz."""
    CACHE.mkdir(exist_ok=True)
    for name in SETS:
        if not (CACHE / f"{name}.npz").exists():
            simulate_set(name, config["data"])


def simulate_set(name: str, data: dict[str, Any], step: int = 100) -> None:
    """Simulate one set in pieces, with its hand features."""
    n, seed = data[f"n_{name}"], data[f"seed_{name}"]
    images = np.lib.format.open_memmap(
        CACHE / f"{name}.npy", "w+", np.float32, (n, 384, 384)
    )
    features, tables = [], []
    start = time.perf_counter()
    for first in range(0, n, step):
        count = min(step, n - first)
        ds = simulate.vignettes(count, seed=seed + first, oversample=data["oversample"])
        images[first : first + count] = ds["sigma0"].values
        features += [
            hand_features(image, spacing=50.0, wv1=beam == "wv1")
            for image, beam in zip(ds["sigma0"].values, ds["beam"].values, strict=True)
        ]
        tables.append(scalars(ds))
        rate = (first + count) / (time.perf_counter() - start)
        print(f"{name}: {first + count}/{n}, {rate:.2f} vignettes/s", flush=True)
    images.flush()
    columns = {key: np.concatenate([t[key] for t in tables]) for key in tables[0]}
    np.savez(CACHE / f"{name}.npz", hand=np.stack(features), **columns)


def scalars(ds: xr.Dataset) -> dict[str, np.ndarray]:
    """Return what is known of each vignette."""
    return {
        "swh": ds["swh"].values,
        "wind": ds["wind_speed"].values,
        "classes": ds["ocean_class"].values.astype(np.int64),
        "incidence": ds["incidence"].mean("sample").values,
        "wv1": ds["beam"].values == "wv1",
    }


class Data:
    """One set: images, scalars and hand features."""

    def __init__(self, name: str) -> None:
        self.images = np.load(CACHE / f"{name}.npy", mmap_mode="r")
        table = np.load(CACHE / f"{name}.npz")
        self.hand, self.incidence = table["hand"], table["incidence"]
        self.swh, self.wind = table["swh"], table["wind"]
        self.classes, self.wv1 = table["classes"], table["wv1"]
        # Sea ice hides the waves: its wave height and wind are not asked for.
        self.sea = self.classes != 5

    def __len__(self) -> int:
        return len(self.images)

    @property
    def mean_db(self) -> np.ndarray:
        """Mean sigma0 of each vignette in dB."""
        return self.hand[:, 0] * (10 / math.log(10))


def input_spec(config: dict[str, Any]) -> InputSpec:
    """Return the input contract of the bundle."""
    return InputSpec(mean=None, **config["input"])


def network_images(data: Data, spec: InputSpec) -> torch.Tensor:
    """Return the network input of a whole set (n, 1, 384, 384), as at inference."""
    out = torch.empty((len(data), 1, 384, 384), dtype=torch.float16)
    for first in range(0, len(data), 100):
        rows = slice(first, first + 100)
        images, *_ = network_input(data.images[rows], data.incidence[rows], spec=spec)
        out[rows] = torch.from_numpy(images).half()
    return out


# ------------------------------------------------------------------------ backbone


class Student(nn.Module):
    """The backbone with the training targets' read-outs, which are thrown away."""

    def __init__(self, architecture: str, n_hand: int, n_local: int) -> None:
        super().__init__()
        import timm

        self.backbone = timm.create_model(
            architecture, img_size=384, in_chans=1, num_classes=0
        )
        width = self.backbone.embed_dim
        self.local = nn.Linear(width, n_local)
        self.read = nn.Sequential(
            nn.LayerNorm(3 * width), nn.Linear(3 * width, 256), nn.GELU()
        )
        self.hand = nn.Linear(3 * width, n_hand)
        self.values = nn.Linear(256 + 3, 2)
        self.classes = nn.Linear(256, 10)
        fourier_patches(self.backbone.patch_embed.proj)

    def forward(
        self, x: torch.Tensor, keep: torch.Tensor, side: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        """Return wave height and wind, class logits, hand features, local spectra."""
        b = self.backbone
        tokens = b._pos_embed(b.patch_embed(x))
        index = torch.cat([torch.zeros_like(keep[:, :1]), keep + 1], 1)
        tokens = torch.gather(
            tokens, 1, index[..., None].expand(-1, -1, tokens.shape[-1])
        )
        tokens = b.norm(b.blocks(b.norm_pre(tokens)))
        patches = tokens[:, 1:]
        pooled = torch.cat([tokens[:, 0], patches.mean(1), patches.std(1)], 1)
        read = self.read(pooled)
        return (
            self.values(torch.cat([read, side], 1)),
            self.classes(read),
            self.hand(pooled),
            self.local(patches),
        )


def fourier_patches(projection: nn.Conv2d) -> None:
    """Start the patch embedding as windowed Fourier modes, the natural basis of waves.

    A random start must first discover the spectrum inside a patch, which takes most of a short
    training. Pairs of cosine and sine cover 96 wavevectors of the half plane, shortest last.
    """
    n = projection.out_channels // 2
    y, x = torch.meshgrid(torch.arange(PATCH), torch.arange(PATCH), indexing="ij")
    modes = [(a, b) for a in range(9) for b in range(-8, 9) if a > 0 or b >= 0]
    modes = sorted(modes, key=lambda m: (m[0] ** 2 + m[1] ** 2, m))[:n]
    window = torch.hann_window(PATCH + 2, periodic=False)[1:-1]
    window = (window[:, None] * window[None, :]).sqrt()
    with torch.no_grad():
        for i, (a, b) in enumerate(modes):
            phase = 2 * math.pi * (a * x + b * y) / PATCH
            for j, wave in enumerate((phase.cos(), phase.sin())):
                kernel = window * wave
                norm = kernel.norm() if kernel.norm() > 0 else 1.0
                projection.weight[2 * i + j, 0] = kernel / norm
        projection.bias.zero_()


def local_spectra(x: torch.Tensor) -> torch.Tensor:
    """Log power of each patch in 4 bands x 4 sectors, and its mean: (n, patches, 17)."""
    n, _, height, width = x.shape
    gy, gx = height // PATCH, width // PATCH
    patches = (
        x.reshape(n, gy, PATCH, gx, PATCH)
        .transpose(2, 3)
        .reshape(n, gy * gx, PATCH, PATCH)
    )
    window = torch.hann_window(PATCH, periodic=False)
    mean = patches.mean((2, 3))
    spectrum = torch.fft.rfft2(
        (patches - mean[..., None, None]) * window[:, None] * window
    )
    power = spectrum.abs() ** 2
    ky = torch.fft.fftfreq(PATCH)[:, None].expand(PATCH, PATCH // 2 + 1)
    kx = torch.fft.rfftfreq(PATCH)[None].expand(PATCH, PATCH // 2 + 1)
    radius = torch.hypot(kx, ky)
    band = torch.bucketize(radius, torch.tensor([0.05, 0.1, 0.18, 0.3, 0.5])) - 1
    angle = torch.remainder(torch.atan2(ky, kx), math.pi)
    sector = (angle / math.pi * 4).long().clamp(max=3)
    cell = (band * 4 + sector).flatten()
    inside = (band >= 0).flatten() & (band < 4).flatten()
    members = F.one_hot(cell.clamp(0, 15), 16).float() * inside[:, None]
    members /= members.sum(0).clamp(min=1)
    return torch.cat([(power.flatten(2) @ members + 1e-3).log(), mean[..., None]], -1)


def batches(data: Data, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Endless shuffled batches of row numbers."""
    while True:
        order = rng.permutation(len(data))
        for first in range(0, len(order) - size + 1, size):
            yield np.sort(order[first : first + size])


def train_backbone(config: dict[str, Any]) -> None:
    """Train, and write the moving average of the weights."""
    opt, spec = config["optimisation"], input_spec(config)
    torch.manual_seed(opt["seed"])
    rng = np.random.default_rng(opt["seed"])
    data = Data("train")
    images = network_images(data, spec)
    hand = standardiser(data.hand[:, :-1])
    level = standardiser(side_inputs(data))
    target = standardiser(np.c_[data.swh, data.wind][data.sea])
    student = Student(config["backbone"]["architecture"], data.hand.shape[1] - 1, 17)
    groups = parameter_groups(student, opt["weight_decay"])
    optimiser = torch.optim.AdamW(groups, lr=opt["learning_rate"], fused=True)
    average = {k: v.clone() for k, v in student.backbone.state_dict().items()}
    local_mean = local_std = None
    log = (CACHE / "log.jsonl").open("w")
    start = time.perf_counter()
    for step, rows in zip(
        range(opt["steps"]), batches(data, opt["batch"], rng), strict=False
    ):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, opt)
        x = augment(images[rows].float(), rng)
        keep = torch.rand(len(rows), 576).argsort(1)[:, : opt["tokens"]]
        local = local_spectra(x)
        if local_mean is None:
            local_mean, local_std = local.mean((0, 1)), local.std((0, 1))
        local = (local - local_mean) / local_std
        values, classes, hands, locals_ = student(
            x, keep, level(side_inputs(data, rows))
        )
        sea = torch.from_numpy(data.sea[rows])
        truth = target(np.c_[data.swh, data.wind][rows])
        losses = {
            "values": F.smooth_l1_loss(values[sea], truth[sea]) * 4,
            "class": F.cross_entropy(
                classes, torch.from_numpy(data.classes[rows]), label_smoothing=0.05
            ),
            "hand": F.smooth_l1_loss(hands, hand(data.hand[rows, :-1])),
            "local": F.smooth_l1_loss(
                locals_, torch.gather(local, 1, keep[..., None].expand(-1, -1, 17))
            ),
        }
        optimiser.zero_grad(set_to_none=True)
        sum(losses.values()).backward()
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimiser.step()
        decay = min(opt["ema"], (step + 1) / (step + 10))
        with torch.no_grad():
            for key, value in student.backbone.state_dict().items():
                average[key].lerp_(value, 1 - decay)
        if step % 25 == 0:
            line = {k: round(v.item(), 4) for k, v in losses.items()}
            line |= {"step": step, "seconds": round(time.perf_counter() - start)}
            print(json.dumps(line), flush=True)
            log.write(json.dumps(line) + "\n")
            log.flush()
            torch.save(average, CACHE / "backbone.pt")
    torch.save(average, CACHE / "backbone.pt")


def parameter_groups(student: Student, decay: float) -> list[dict[str, Any]]:
    """Weight decay on matrices only."""
    matrices = [p for p in student.parameters() if p.ndim > 1]
    vectors = [p for p in student.parameters() if p.ndim <= 1]
    return [
        {"params": matrices, "weight_decay": decay},
        {"params": vectors, "weight_decay": 0.0},
    ]


def learning_rate(step: int, opt: dict[str, Any]) -> float:
    """Linear warm-up, then cosine to 2 % of the peak."""
    peak, warmup = opt["learning_rate"], opt["warmup"]
    if step < warmup:
        return peak * (step + 1) / warmup
    part = (step - warmup) / max(1, opt["steps"] - warmup)
    return peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * part)))


def augment(x: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Flip along track (no target depends on it) and shift against the patch grid."""
    flips = torch.from_numpy(rng.random(len(x)) < 0.5)
    x = torch.where(flips[:, None, None, None], x.flip(2), x)
    dy, dx = rng.integers(0, PATCH + 1, 2)
    padded = F.pad(x, (PATCH // 2,) * 4, mode="reflect")
    return padded[:, :, dy : dy + 384, dx : dx + 384]


def side_inputs(data: Data, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
    """Level (dB), incidence and beam of the rows."""
    return np.c_[data.mean_db[rows], data.incidence[rows], data.wv1[rows]].astype(
        np.float32
    )


def standardiser(values: np.ndarray) -> Any:
    """Return a function that standardises by the statistics of these values."""
    mean, std = values.mean(0), values.std(0) + 1e-6
    return lambda v: torch.from_numpy(((v - mean) / std).astype(np.float32))


def main() -> None:
    """Run one step of the recipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=("simulate", "backbone", "heads"))
    step = parser.parse_args().step
    config = read_config()
    if step == "simulate":
        simulate_sets(config)
    elif step == "backbone":
        train_backbone(config)
    else:
        from heads import fit_heads

        fit_heads(config)


if __name__ == "__main__":
    main()
