"""The losses again, by loops over plain floats, and what two processes find.

Nothing here is shared with the package: no logarithms of sums, no batched sums, no autograd.
"""

import math
import warnings

import numpy as np


def softmax(row, temperature):
    highest = max(row)
    weights = [math.exp((float(x) - highest) / temperature) for x in row]
    total = math.fsum(weights)
    return [w / total for w in weights]


def cross_entropy(logits, target, temperature):
    """Return the cross-entropy of one sample."""
    scaled = [float(x) / temperature for x in logits]
    highest = max(scaled)
    log_total = highest + math.log(math.fsum(math.exp(x - highest) for x in scaled))
    return -math.fsum(
        float(p) * (x - log_total) for p, x in zip(target, scaled, strict=True)
    )


def dino(student, targets, temperature):
    n, costs = len(student[0]), []
    for i in range(len(targets)):
        for j in range(len(student)):
            if i == j:
                continue
            for image in range(n):
                pair = student[j][image], targets[i][image]
                costs.append(cross_entropy(*pair, temperature))
    return math.fsum(costs) / len(costs)


def ibot(student, targets, mask, temperature):
    token, total = 0, 0.0
    for image in mask:
        costs = []
        for hidden in image.ravel():
            if hidden:
                costs.append(cross_entropy(student[token], targets[token], temperature))
                token += 1
        total += math.fsum(costs) / len(costs) if costs else 0.0
    return total / len(mask)


def koleo(features):
    rows = [[float(x) for x in row] for row in features]
    unit = [[x / math.hypot(*row) for x in row] for row in rows]
    logs = [
        math.log(min(math.dist(a, b) for j, b in enumerate(unit) if j != i) + 1e-8)
        for i, a in enumerate(unit)
    ]
    return -math.fsum(logs) / len(logs)


def sinkhorn(logits, temperature):
    """Return the targets of one batch, by the shares 1/K and 1/B of the description."""
    n, k = logits.shape
    highest = float(logits.max())
    q = [[math.exp((float(x) - highest) / temperature) for x in row] for row in logits]
    for _ in range(3):
        for j in range(k):
            total = math.fsum(q[i][j] for i in range(n))
            for i in range(n):
                q[i][j] /= total * k
        for i in range(n):
            total = math.fsum(q[i])
            q[i] = [x / (total * n) for x in q[i]]
    return np.array(q) * n


def gradient(function, x, step=1e-5):
    """Differentiate a function of an array by central differences."""
    x = np.array(x, np.float64)
    out = np.empty_like(x)
    for index in np.ndindex(x.shape):
        sides = []
        for sign in (1, -1):
            moved = x.copy()
            moved[index] += sign * step
            sides.append(function(moved))
        out[index] = (sides[0] - sides[1]) / (2 * step)
    return out


#: Rows of two processes: alike, unlike, all in one, none.
SPLITS = {"even": (4, 4), "uneven": (5, 3), "one empty": (8, 0), "empty": (0, 0)}


def shared_data():
    """Return the data that both processes and the test draw alike."""
    rng = np.random.default_rng(5)
    k = 6
    mask = rng.random((8, 2, 3)) < 0.4
    mask[:4] &= rng.random((4, 1, 1)) < 0.5
    mask[4], mask[5] = False, True
    m = int(mask.sum())
    return {
        "logits": rng.normal(0, 1, (8, k)).astype(np.float32),
        "views": rng.normal(0, 0.3, (4, 8, k)).astype(np.float32),
        "targets": rng.dirichlet(np.ones(k), (2, 8)).astype(np.float32),
        "tokens": rng.normal(0, 0.3, (m, k)).astype(np.float32),
        "token_targets": rng.dirichlet(np.ones(k), m).astype(np.float32),
        "mask": mask,
        "features": rng.normal(0, 1, (8, 5)).astype(np.float32),
    }


def evaluate(data, rows):
    """Evaluate everything on a slice of the data: arrays by name, with gradients."""
    import torch

    from xoceansar.train.pretraining.losses import (
        Targets,
        dino_loss,
        ibot_loss,
        koleo_loss,
    )

    data = {name: torch.from_numpy(values) for name, values in data.items()}
    found = {}

    def note(name, loss, source):
        loss.backward()
        found[name], found[f"{name} gradient"] = loss.detach(), source.grad

    views = data["views"][:, rows].clone().requires_grad_()
    note("dino", dino_loss(views, data["targets"][:, rows]), views)
    before, own = data["mask"][: rows.start].sum(), data["mask"][rows]
    tokens = slice(int(before), int(before + own.sum()))
    student = data["tokens"][tokens].clone().requires_grad_()
    note("ibot", ibot_loss(student, data["token_targets"][tokens], own), student)
    features = data["features"][rows].clone().requires_grad_()
    note("koleo", koleo_loss(features), features)
    for method in ("centering", "sinkhorn"):
        targets = Targets(6, method)
        for call in range(2):
            found[f"{method} {call}"] = targets(data["logits"][rows], 0.07)
        found[f"{method} centre"] = targets.centre
    return {name: values.numpy().copy() for name, values in found.items()}


def evaluate_split(data, rows):
    """Evaluate what may be split unevenly: the targets, and KoLeo where there are rows."""
    import torch

    from xoceansar.train.pretraining.losses import Targets, koleo_loss

    logits, features = (torch.from_numpy(data[n][rows]) for n in ("logits", "features"))
    found = {}
    for method in ("centering", "sinkhorn"):
        targets = Targets(6, method)
        targets.centre.fill_(0.25)
        found[method] = targets(logits, 0.07)
        found[f"{method} centre"] = targets.centre
    features.requires_grad_()
    loss = koleo_loss(features)
    loss.backward()
    found["koleo"], found["koleo gradient"] = loss.detach(), features.grad
    return {name: values.numpy().copy() for name, values in found.items()}


def evaluate_poisoned(data, rows):
    """Evaluate the centre where the last row of all has a NaN."""
    import torch

    from xoceansar.train.pretraining.losses import Targets

    logits = torch.from_numpy(data["logits"]).clone()
    logits[-1, 2] = torch.nan
    targets = Targets(6, "centering")
    targets.centre.fill_(0.25)
    targets(logits[rows], 0.07)
    return {"centre": targets.centre.numpy().copy()}


def work(rank, folder):
    """Be one of two processes, and leave what was found in a file."""
    import torch
    import torch.distributed as dist

    warnings.simplefilter("error", FutureWarning)
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2
    )
    data, found = shared_data(), {}
    for name, split in SPLITS.items():
        first = rank * split[0]
        rows = slice(first, first + split[rank])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            parts = {"split": evaluate_split(data, rows)}
        if name == "even":
            parts["whole"] = evaluate(data, rows)
            parts["poisoned"] = evaluate_poisoned(data, rows)
        for part, values in parts.items():
            found |= {f"{name}/{part}/{key}": value for key, value in values.items()}
    np.savez(f"{folder}/{rank}.npz", **found)
    dist.destroy_process_group()
