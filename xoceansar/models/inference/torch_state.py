"""torch as if nobody had set anything in it, for as long as the package computes.

Autocast, gradients, the default device and type, and reduced precision of float32 are settings of the
thread or the process, which the caller may have for work of their own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from threading import Lock
from typing import Any, Final

from xoceansar._optional import require

#: Backends that may compute float32 in fewer bits, below `torch.backends`.
_BACKENDS: Final = ("cuda.matmul", "cudnn.conv", "mkldnn.matmul", "mkldnn.conv")

_lock = Lock()
_users = 0
_restore: list[tuple[Any, str, Any]] = []
_dtype: Any = None


@contextmanager
def plain_torch(*, gradients: bool = False) -> Iterator[None]:
    """Compute in float32 on the devices that the code names, whatever the caller has set in torch."""
    torch = require("torch", extra="models")
    with (
        _plain_process(torch),
        torch.autocast("cpu", enabled=False),
        torch.autocast("cuda", enabled=False),
        torch.device("cpu"),
        torch.inference_mode(not gradients),
        torch.set_grad_enabled(gradients),
    ):
        yield


@contextmanager
def _plain_process(torch: Any) -> Iterator[None]:
    global _users, _dtype
    with _lock:
        if _users == 0:
            _dtype = torch.get_default_dtype()
            torch.set_default_dtype(torch.float32)
            _restore[:] = _exact(torch)
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                torch.set_default_dtype(_dtype)
                for backend, name, value in _restore:
                    setattr(backend, name, value)


def _exact(torch: Any) -> list[tuple[Any, str, Any]]:
    """Let float32 be float32 in every backend; return what was there."""
    wanted: list[tuple[Any, str, Any]] = []
    if hasattr(torch.backends, "fp32_precision"):
        for path in _BACKENDS:
            backend = reduce(getattr, path.split("."), torch.backends)
            wanted.append((backend, "fp32_precision", "ieee"))
    else:  # torch before 2.9
        wanted.append((torch.backends.cuda.matmul, "allow_tf32", False))
        wanted.append((torch.backends.cudnn, "allow_tf32", False))
    before = [(backend, name, getattr(backend, name)) for backend, name, _ in wanted]
    for backend, name, value in wanted:
        setattr(backend, name, value)
    return before
