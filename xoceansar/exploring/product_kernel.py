"""Products of whole numbers of two bytes with a query; compiled by numba where it is used."""

import numba
import numpy as np
import numpy.typing as npt


@numba.njit(cache=True, nogil=True, fastmath=True)
def products(
    numbers: npt.NDArray[np.int16],
    query: npt.NDArray[np.float32],
    out: npt.NDArray[np.float32],
) -> None:
    """Multiply each row with a query.

    Shapes: `numbers` (n, d), `query` (d,), `out` (n,).
    """
    for i in range(numbers.shape[0]):
        total = np.float32(0.0)
        for j in range(numbers.shape[1]):
            total += np.float32(numbers[i, j]) * query[j]
        out[i] = total
