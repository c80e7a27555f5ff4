"""Losses of the pretraining: DINO, iBOT and KoLeo, and the targets that the teacher gives.

All of them compute in fp32 whatever they are given. Under distributed data parallelism the mean over the
processes of each loss, and of its gradient, is that of one process with the whole batch.
"""

from typing import Final, Literal

import torch
import torch.distributed.nn.functional as dist_fn
from torch import distributed, nn
from torch.nn import functional as F

from xoceansar.errors import warn

__all__ = ["Targets", "dino_loss", "ibot_loss", "koleo_loss"]

Tensor = torch.Tensor

_SINKHORN_ITERATIONS: Final = 3
#: Added to a distance before its logarithm.
_EPSILON: Final = 1e-8


def _distributed() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def _sum_over_processes(value: Tensor) -> Tensor:
    if _distributed():
        distributed.all_reduce(value)
    return value


def _gather(own: Tensor) -> Tensor:
    """Join the rows of all processes, with gradients that go back to where they come from."""
    parts = dist_fn.all_gather(own)  # type: ignore[no-untyped-call]
    return torch.cat(parts)


class Targets(nn.Module):
    """From the teacher's logits to the probabilities that the student must predict.

    Parameters
    ----------
    prototypes : int
        Length of the logits, K.
    method : {"centering", "sinkhorn"}
        How collapse to one prototype is prevented.
    momentum : float
        What the centre keeps of itself at each call.

    Attributes
    ----------
    centre : Tensor (1, K), float32
        Moving mean of the logits; unused by ``sinkhorn``.

    Notes
    -----
    ``centering``: ``softmax((t - c) / T)`` with the centre of the calls before, then
    ``c <- m c + (1 - m) mean(t)`` over the rows of all processes. ``sinkhorn``: ``exp(t / T)``, and
    three times each prototype is scaled to the sum 1/K and each row to 1/B.

    References
    ----------
    Caron et al. (2021), https://doi.org/10.1109/ICCV48922.2021.00951; Caron et al. (2020),
    https://doi.org/10.48550/arXiv.2006.09882.
    """

    centre: Tensor

    def __init__(
        self,
        prototypes: int,
        method: Literal["centering", "sinkhorn"],
        momentum: float = 0.9,
    ) -> None:
        super().__init__()
        self.method, self.momentum = method, momentum
        self.register_buffer("centre", torch.zeros(1, prototypes))

    @torch.no_grad()
    def forward(self, logits: Tensor, temperature: float) -> Tensor:
        """Make targets, and move the centre.

        Parameters
        ----------
        logits : Tensor (n, K)
            Of the teacher; n may be 0.
        temperature : float
            Of the teacher.

        Returns
        -------
        Tensor (n, K), float32
            Rows sum to 1. Logits that are not finite give targets that are not, and leave the
            centre as it was.
        """
        logits = logits.float()
        if self.method == "sinkhorn":
            return _sinkhorn(logits, temperature)
        probabilities = F.softmax((logits - self.centre) / temperature, dim=-1)
        total = _sum_over_processes(logits.sum(dim=0, keepdim=True))
        count = _sum_over_processes(logits.new_tensor(len(logits)))
        if count > 0 and torch.isfinite(total).all():
            self.centre.lerp_(total / count, 1 - self.momentum)
        return probabilities


def _sinkhorn(logits: Tensor, temperature: float) -> Tensor:
    # In logarithms: exp(logit / 0.04) overflows, and underflows far below the largest one.
    q = logits.double() / temperature
    for _ in range(_SINKHORN_ITERATIONS):
        q = q - _log_mass(q)
        q = q - torch.logsumexp(q, dim=1, keepdim=True)
    return q.exp().float()


def _log_mass(q: Tensor) -> Tensor:
    """Sum ``exp(q)`` over the rows of all processes, in logarithms (1, K)."""
    # A process without rows still takes part.
    floor = q.new_full((1, q.shape[1]), torch.finfo(q.dtype).min)
    largest = torch.cat([q, floor]).amax(dim=0, keepdim=True)
    if _distributed():
        distributed.all_reduce(largest, op=distributed.ReduceOp.MAX)
    return _sum_over_processes((q - largest).exp().sum(dim=0, keepdim=True)).log() + (
        largest
    )


def dino_loss(student: Tensor, targets: Tensor, temperature: float = 0.1) -> Tensor:
    """Compare the class tokens of every two different views.

    Parameters
    ----------
    student : Tensor (v, n, K)
        Logits of all views; the first ones are the global crops, in the order of `targets`.
    targets : Tensor (t, n, K)
        Probabilities of the global crops.
    temperature : float
        Of the student.

    Returns
    -------
    Tensor, scalar
        ``mean over pairs (i, j), i != j, and images of -sum_k p_ik log softmax(s_j / T)_k``.

    References
    ----------
    Caron et al. (2021), https://doi.org/10.1109/ICCV48922.2021.00951.
    """
    with torch.autocast(student.device.type, enabled=False):
        logp = F.log_softmax(student.float() / temperature, dim=-1)
        pairs = -torch.einsum("tnk,vnk->tv", targets.float(), logp)
        different = ~torch.eye(*pairs.shape, dtype=torch.bool, device=pairs.device)
        return pairs[different].sum() / different.sum() / student.shape[1]


def ibot_loss(
    student: Tensor, targets: Tensor, mask: Tensor, temperature: float = 0.1
) -> Tensor:
    """Compare the masked patches with what the teacher sees there.

    Parameters
    ----------
    student : Tensor (m, K)
        Logits of the masked patches, in the order of ``tokens[mask]``.
    targets : Tensor (m, K)
        Probabilities of the same patches.
    mask : Tensor (n, rows, columns), bool
        Which patches they are; its sum is m.
    temperature : float
        Of the student.

    Returns
    -------
    Tensor, scalar
        Cross-entropy, averaged over the masked patches of each image, summed over images and
        divided by their number n, unmasked ones included; 0 where nothing is masked.

    References
    ----------
    Zhou et al. (2022), https://doi.org/10.48550/arXiv.2111.07832.
    """
    with torch.autocast(student.device.type, enabled=False):
        logp = F.log_softmax(student.float() / temperature, dim=-1)
        each = -(targets.float() * logp).sum(dim=-1)
        weight = 1 / mask.sum(dim=(1, 2), keepdim=True).clamp(min=1)
        return (each * weight.expand(mask.shape)[mask]).sum() / len(mask)


def koleo_loss(features: Tensor) -> Tensor:
    """Push each class token away from its nearest neighbour in the batch.

    Parameters
    ----------
    features : Tensor (n, d)
        Class tokens of one view.

    Returns
    -------
    Tensor, scalar
        ``-mean_i log(|x_i - x_nearest(i)| + 1e-8)`` of normalised tokens, the neighbours from all
        processes. 0, with a warning, where there is one token only.

    References
    ----------
    Sablayrolles et al. (2019), https://doi.org/10.48550/arXiv.1806.03198.
    """
    with torch.autocast(features.device.type, enabled=False):
        own = F.normalize(features.float(), dim=-1, eps=_EPSILON)
        rank = distributed.get_rank() if _distributed() else 0
        every = _gather(own) if _distributed() else own
        if len(every) < 2:
            warn("KoLeo needs two vignettes in a batch or more; it is 0 for one.")
            return own.sum() * 0
        with torch.no_grad():
            similar = own @ every.T
            itself = torch.arange(len(own), device=own.device)
            similar[itself, itself + rank * len(own)] = -2
            nearest = similar.argmax(dim=1)
        # The small vector keeps the gradient of the norm finite between equal tokens.
        distance = (own - every[nearest] + _EPSILON).norm(dim=-1)
        loss: Tensor = -(distance + _EPSILON).log().mean()
        return loss
