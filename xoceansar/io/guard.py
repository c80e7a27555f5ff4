"""What a damaged file causes costs its vignette, and no other."""

from collections.abc import Iterator
from contextlib import contextmanager

from xoceansar.errors import (
    OceansarError,
    ProductError,
    UnsupportedProductError,
    VignetteError,
)


@contextmanager
def guard(vignette: str, where: str) -> Iterator[None]:
    """Turn whatever goes wrong with a file of a vignette into one error that names both."""
    try:
        yield
    except (VignetteError, UnsupportedProductError, MemoryError):
        raise
    except ProductError as error:
        raise VignetteError(f"vignette {vignette}: {error}") from error
    except (OceansarError, ImportError, NameError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or "no reason given"
        raise VignetteError(
            f"vignette {vignette}: {where} cannot be read ({type(error).__name__}: {reason}). "
            "Download the product again, or leave the vignette out."
        ) from error
