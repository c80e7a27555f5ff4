"""Losses of the pretraining: DINO, iBOT and KoLeo, and the targets that a teacher gives.

All are computed in float32 whatever the precision of their input. In a process group the mean of
the processes' losses, and of their gradients, is that of one process with all the images, where
each process has equally many.
"""

from typing import Any, Literal, get_args

import torch
import torch.distributed as dist
from torch import Tensor, nn

from xoceansar.errors import DimensionError, TrainingError, warn

Method = Literal["centering", "sinkhorn"]

#: Normalisations of prototypes and samples, as in DINOv2.
_SINKHORN_ITERATIONS = 3
#: Keeps the logarithm of a distance of zero finite, as in DINOv2.
_EPSILON = 1e-8


class Targets(nn.Module):
    r"""Turn a teacher's logits into probabilities that use all prototypes.

    `centre` (1, K), a running mean of the logits, is saved with the state; ``sinkhorn`` leaves it
    at zero.

    Notes
    -----
    With logits :math:`t`, temperature :math:`T`, centre :math:`c` and momentum :math:`m`,
    centering [1]_ gives

    .. math:: p = \mathrm{softmax}((t - c) / T), \qquad c \leftarrow m c + (1 - m) \bar t

    with the :math:`c` of the calls before. Sinkhorn-Knopp [2]_ scales :math:`\exp(t / T)` three
    times, so that all prototypes have the same share of the samples and then each sample sums
    to one. It is computed on logarithms, where no logit overflows and no sample vanishes beside
    a larger one. Both see the rows of all processes.

    References
    ----------
    .. [1] Caron et al. (2021), doi:10.1109/ICCV48922.2021.00951.
    .. [2] Caron et al. (2020), doi:10.48550/arXiv.2006.09882.

    Examples
    --------
    >>> targets = Targets(3, "centering")
    >>> targets(torch.tensor([[0.0, 0.0, 0.0], [0.1, 0.0, 0.0]]), temperature=0.1)[0]
    tensor([0.3333, 0.3333, 0.3333])
    >>> targets.centre
    tensor([[0.0050, 0.0000, 0.0000]])
    """

    centre: Tensor

    def __init__(self, prototypes: int, method: Method, momentum: float = 0.9) -> None:
        super().__init__()
        if method not in get_args(Method):
            raise TrainingError(
                f"the targets are made by one of {', '.join(get_args(Method))}; got {method!r}."
            )
        self.method, self.momentum = method, momentum
        self.register_buffer("centre", torch.zeros(1, prototypes, dtype=torch.float32))

    @torch.no_grad()
    def forward(self, logits: Tensor, temperature: float) -> Tensor:
        """Return the targets of some samples, and move the centre.

        Shapes: `logits` (n, K) -> (n, K).

        Notes
        -----
        The centre stays as it was where no process has a row, or a logit is not finite.
        """
        prototypes = self.centre.shape[1]
        if logits.ndim != 2 or logits.shape[1] != prototypes:
            raise DimensionError(
                f"logits must have the shape (n, {prototypes}); got {tuple(logits.shape)}."
            )
        logits = logits.float()
        if self.method == "sinkhorn":
            return _sinkhorn(logits / temperature)
        probabilities = torch.softmax((logits - self.centre) / temperature, dim=-1)
        self._move_centre(logits)
        return probabilities

    def _move_centre(self, logits: Tensor) -> None:
        count = logits.new_full((1,), len(logits))
        total = _reduce(torch.cat([logits.sum(dim=0), count]), "sum")
        mean = total[:-1] / total[-1]
        # without rows the mean is 0 / 0; decided on the device, which need not wait for the host
        moved = self.momentum * self.centre + (1 - self.momentum) * mean
        self.centre.copy_(torch.where(mean.isfinite().all(), moved, self.centre))


def _sinkhorn(log_weights: Tensor) -> Tensor:
    """Balance the prototypes and normalise the samples, in turn.

    The shares 1/K of a prototype and 1/B of a sample are common factors, which the next
    normalisation takes out again, so neither needs to be applied.
    """
    for _ in range(_SINKHORN_ITERATIONS):
        log_weights = log_weights - _log_sum_of_rows(log_weights)
        log_weights = torch.log_softmax(log_weights, dim=1)
    return log_weights.exp()


def _log_sum_of_rows(values: Tensor) -> Tensor:
    """Return the logarithm of the sum of the exponentials over the rows of all processes."""
    highest = values.new_full((values.shape[1],), -torch.inf)
    if len(values):
        highest = values.amax(dim=0)
    highest = _reduce(highest, "max")
    return highest + _reduce((values - highest).exp().sum(dim=0), "sum").log()


def dino_loss(student: Tensor, targets: Tensor, temperature: float = 0.1) -> Tensor:
    r"""Compare each view of an image with the targets of its other global crops.

    Shapes: `student` (v, n, K), `targets` (t, n, K).

    Notes
    -----
    The mean cross-entropy over the images and the :math:`t (v - 1)` pairs of a target and a
    different view [1]_, [2]_:

    .. math:: -\frac{1}{n t (v - 1)} \sum_{i \ne j, b, k} p_{ibk} \log q_{jbk}

    References
    ----------
    .. [1] Caron et al. (2021), doi:10.1109/ICCV48922.2021.00951.
    .. [2] Oquab et al. (2024), doi:10.48550/arXiv.2304.07193.

    Examples
    --------
    >>> student = torch.zeros(3, 1, 4)  # knows nothing: ln 4
    >>> dino_loss(student, torch.eye(4)[:2, None])
    tensor(1.3863)
    """
    fits = student.ndim == targets.ndim == 3 and student.shape[1:] == targets.shape[1:]
    if not (fits and 0 < len(targets) <= len(student) > 1 and student.shape[1]):
        raise DimensionError(
            "the DINO loss needs logits (v, n, K) and targets (t, n, K) of the same images, "
            f"v >= t and at least two views; got {tuple(student.shape)} and "
            f"{tuple(targets.shape)}."
        )
    log_q = torch.log_softmax(student.float() / temperature, dim=-1)
    different = log_q.sum(dim=0) - log_q[: len(targets)]
    pairs = len(targets) * (len(student) - 1)
    return -(targets.float() * different).sum() / (pairs * student.shape[1])


def ibot_loss(
    student: Tensor, targets: Tensor, mask: Tensor, temperature: float = 0.1
) -> Tensor:
    r"""Compare the student's guess of each hidden patch with the teacher that saw it.

    Shapes: `student` (m, K), `targets` (m, K), `mask` (n, rows, columns).

    Notes
    -----
    Every masked crop counts alike, whatever the number :math:`m_b` of its masked patches [1]_:

    .. math:: -\frac{1}{n} \sum_b \frac{1}{m_b} \sum_{i \in b, k} p_{ik} \log q_{ik}

    References
    ----------
    .. [1] Zhou et al. (2022), doi:10.48550/arXiv.2111.07832.

    Examples
    --------
    >>> mask = torch.tensor([[[True, True]], [[False, False]]])
    >>> ibot_loss(torch.zeros(2, 4), torch.eye(4)[:2], mask)  # half of ln 4
    tensor(0.6931)
    """
    flat = mask.flatten(1)
    counts = flat.sum(dim=1, keepdim=True)
    weights = (1.0 / counts.clamp(min=1)).expand(flat.shape)[flat]
    if not (
        student.shape == targets.shape and len(student) == len(weights) and len(mask)
    ):
        raise DimensionError(
            f"the iBOT loss needs logits and targets (m, K) of the m = {len(weights)} masked "
            f"patches of at least one crop; got {tuple(student.shape)} and "
            f"{tuple(targets.shape)}, and a mask {tuple(mask.shape)}."
        )
    log_q = torch.log_softmax(student.float() / temperature, dim=-1)
    each = (targets.float() * log_q).sum(dim=-1)
    return -(each * weights).sum() / len(mask)


def koleo_loss(features: Tensor) -> Tensor:
    r"""Spread features over the sphere: penalise small distances to the nearest neighbour.

    Shapes: `features` (n, d).

    Notes
    -----
    The Kozachenko-Leonenko estimator of the entropy [1]_, on features of unit length as in
    DINOv2 [2]_:

    .. math:: -\frac{1}{n} \sum_i \log(\min_{j \ne i} \lVert x_i - x_j \rVert + 10^{-8})

    Identical rows cost :math:`-\log 10^{-8}` and do not push each other: they have no direction
    to part in. A row of zeros stays zero.

    References
    ----------
    .. [1] Sablayrolles et al. (2019), doi:10.48550/arXiv.1806.03198.
    .. [2] Oquab et al. (2024), doi:10.48550/arXiv.2304.07193.

    Examples
    --------
    >>> koleo_loss(torch.tensor([[3.0, 0.0], [-0.2, 0.0]]))  # -ln 2
    tensor(-0.6931)
    """
    if features.ndim != 2:
        raise DimensionError(
            f"the KoLeo loss needs features (n, d); got the shape {tuple(features.shape)}."
        )
    counts = _counts(features)
    total, first = sum(counts), sum(counts[: _rank()])
    if total < 2:
        warn(
            f"the KoLeo loss of {total} row has no neighbour and is taken as zero; train with a "
            "batch of at least two images, or switch the loss off by a weight of 0."
        )
        return features.float().sum() * 0.0
    with torch.autocast(features.device.type, enabled=False):
        own = _unit_rows(features.float())
        everyone: Tensor = _Gather.apply(own, first, total) if len(counts) > 1 else own
        with torch.no_grad():
            likeness = own @ everyone.T
            likeness.diagonal(first).fill_(-torch.inf)
            nearest = likeness.argmax(dim=1)
        distance = torch.linalg.vector_norm(own - everyone[nearest], dim=1)
        return -torch.log(distance + _EPSILON).sum() * (len(counts) / total)


def _unit_rows(features: Tensor) -> Tensor:
    # dividing a row of zeros by a small number instead of one would blow up its gradient
    length = torch.linalg.vector_norm(features, dim=1, keepdim=True)
    return features / torch.where(length > _EPSILON, length, 1.0)


class _Gather(torch.autograd.Function):
    """Stack the rows of all processes; each receives the gradients that all have for its rows.

    A sum of matrices that are zero but for one process's rows, since that works for any number
    of rows and with every backend.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, first: int, total: int) -> Tensor:
        ctx.own = slice(first, first + len(rows))
        everyone = rows.new_zeros(total, rows.shape[1])
        everyone[ctx.own] = rows
        return _reduce(everyone, "sum")

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _reduce(gradients[0].clone(), "sum")[ctx.own], None, None


def _in_group() -> bool:
    return dist.is_available() and dist.is_initialized()


def _rank() -> int:
    return dist.get_rank() if _in_group() else 0


def _counts(rows: Tensor) -> list[int]:
    """Return the number of rows of each process."""
    if not _in_group():
        return [len(rows)]
    counts = torch.zeros(dist.get_world_size(), dtype=torch.int64, device=rows.device)
    counts[_rank()] = len(rows)
    return [int(n) for n in _reduce(counts, "sum").tolist()]


def _reduce(values: Tensor, how: Literal["sum", "max"]) -> Tensor:
    """Combine values of all processes in place, and return them."""
    if _in_group():
        dist.all_reduce(
            values, op=dist.ReduceOp.SUM if how == "sum" else dist.ReduceOp.MAX
        )
    return values
