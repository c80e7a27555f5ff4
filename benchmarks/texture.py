"""Texture descriptors of one vignette, processor time, beside the same spectra in plain torch."""

import statistics
import time

import numpy as np
import torch
from _report import report
from torch.nn import functional

from xoceansar.sar.local_texture import local_texture

SIDE, COUNT, TURNS = 400, 8, 5


def plain(images: torch.Tensor) -> torch.Tensor:
    """Windows of 48 pixels every 16, their spectra and percentiles, as a first version would."""
    level = 10 * torch.log10(images / images.mean((1, 2), keepdim=True))
    blocks = functional.unfold(level[:, None], 48, stride=16).transpose(1, 2)
    blocks = blocks.reshape(-1, 48, 48)
    window = torch.outer(torch.hann_window(48), torch.hann_window(48))
    centred = (blocks - blocks.mean((1, 2), keepdim=True)) * window
    power = torch.fft.rfft2(centred).abs() ** 2
    middle = blocks[:, 16:32, 16:32].flatten(1)
    torch.quantile(middle, torch.tensor([0.01, 0.25, 0.5, 0.75, 0.99]), dim=1)
    return power.flatten(1) @ torch.rand(48 * 25, 20)


def main() -> None:
    """Let the two take turns."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    images = 0.05 * rng.gamma(20, 1 / 20, (COUNT, SIDE, SIDE)).astype(np.float32)
    local_texture(images[:1], 50.0)
    plain(torch.from_numpy(images[:1]))
    seconds = []
    for _ in range(TURNS):
        start = time.process_time()
        local_texture(images, 50.0)
        middle = time.process_time()
        plain(torch.from_numpy(images))
        seconds.append((middle - start, time.process_time() - middle))
    ours, theirs = (1e3 / COUNT * min(column) for column in zip(*seconds, strict=True))
    ratio = statistics.median(b / a for a, b in seconds)
    report("texture.vignette_400px", ours, "ms of a processor", "<= 30", ours <= 30)
    report("texture.plain_torch_400px", theirs, "ms of a processor", "", None)
    report("texture.against_plain_torch", ratio, "times faster", "", None)


if __name__ == "__main__":
    main()
