"""From backscatter to wind speed by CMOD5.N: the yardstick of every learned wind.

With the wind direction known, the model function has one unknown and is solved for it. Without,
the speed is the mean of what the backscatter leaves possible, over all directions and the winds
that blow over the oceans: of all estimators from the same numbers, the one of least mean square
error.
"""

from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from xoceansar.sar.gmf import cmod5n

Array = npt.NDArray[np.float64]

#: Wind speeds that the inversion can give, m/s.
SPEEDS: Final = (0.2, 50.0)
#: Incidences at which it is defined, degrees.
INCIDENCES: Final = (17.0, 50.0)

#: Spread of the backscatter around the model function, dB: a third of it the radiometric
#: accuracy of Sentinel-1 (1 dB at three standard deviations), the rest of the sea itself.
_SPREAD_DB: Final = 0.5
#: Winds over the oceans: scale (m/s) and shape of a Weibull law, of mean 8 m/s.
_WEIBULL: Final = (9.0, 2.2)

#: Axes of the table of direction-blind speeds (tools/make_cmod5n_table.py): first, step, count.
TABLE_INCIDENCE: Final = (17.0, 0.5, 67)
_TABLE_DB: Final = (-45.0, 0.25, 221)
TABLE_FILE: Final = Path(__file__).with_name("cmod5n_blind.npy")

_BLOCK: Final = 4096
#: Speeds at which CMOD5.N is evaluated for each cell: first over `SPEEDS`, then between two of them.
_COARSE: Final = 48
_FINE: Final = 48


def invert_cmod5n(
    sigma0: npt.ArrayLike, incidence: npt.ArrayLike, phi: npt.ArrayLike | None = None
) -> Array:
    """Invert CMOD5.N for the wind speed, with the relative wind direction or without.

    Parameters
    ----------
    sigma0 : array_like
        Linear VV backscatter, noise removed. Where noise exceeded signal it may be negative.
    incidence : array_like
        Incidence angle, degrees.
    phi : array_like, optional
        Angle between the direction the wind comes from and the direction in which the radar
        looks, degrees, as in `xoceansar.sar.cmod5n`. Unknown where not given.

    Returns
    -------
    ndarray of float64
        Equivalent neutral wind speed at 10 m, m/s, within `SPEEDS`, in the common broadcast
        shape; NaN where an argument is missing or the incidence is outside `INCIDENCES`.

    Raises
    ------
    MissingDependencyError
        If `phi` is given and xsarsea is not installed.

    Notes
    -----
    *Direction known*: the least speed that gives `sigma0`, to 1e-4 m/s. The backscatter has a
    highest value (at 28 m/s upwind and 20 degrees, beyond 50 m/s at 43 degrees); where
    `sigma0` is above it, the speed at which it is reached, to 0.2 m/s: a lower
    bound.
    Under the least backscatter, as where it is negative, the least speed.

    *Direction unknown*: the posterior mean

        integral U p(s | U, phi) p(U) dU dphi / integral p(s | U, phi) p(U) dU dphi

    with s in dB normal around CMOD5.N with a spread of 0.5 dB, phi uniform, and U distributed
    as over the oceans: Weibull of scale 9 m/s and shape 2.2. Inverting the mean of the model
    function over directions instead is not far off at low wind and much worse at high (on
    simulated vignettes 1.55 m/s RMSE against 1.19). Read from a table; within 0.05 m/s of the
    integral up to 30 m/s.

    References
    ----------
    Hersbach (2010), https://doi.org/10.1175/2009JTECHO698.1 (CMOD5.N).
    Portabella, Stoffelen and Johannessen (2002), https://doi.org/10.1029/2001JC000925
    (Bayesian wind retrieval from one SAR look).

    Examples
    --------
    >>> float(invert_cmod5n(0.067048, 36.8, 0.0).round(3))
    10.0
    >>> float(invert_cmod5n(0.067048, 36.8).round(1))
    12.2
    """
    arguments = [sigma0, incidence] if phi is None else [sigma0, incidence, phi]
    given = np.broadcast_arrays(*(np.asarray(a, np.float64) for a in arguments))
    shape = given[0].shape
    flat = [array.reshape(-1) for array in given]
    usable = np.all([np.isfinite(array) for array in flat], axis=0)
    usable &= (flat[1] >= INCIDENCES[0]) & (flat[1] <= INCIDENCES[1])
    out = np.full(flat[0].shape, np.nan)
    rows = np.flatnonzero(usable)
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK]
        values = [array[part] for array in flat]
        out[part] = _blind(*values) if phi is None else _directed(*values)
    return out.reshape(shape)


def _directed(sigma0: Array, incidence: Array, phi: Array) -> Array:
    """Solve for the least speed: where a coarse curve gets there, then where a finer one does.

    Two calls of CMOD5.N for the whole block, as each enters numba's thread pool.
    """
    coarse = np.broadcast_to(np.geomspace(*SPEEDS, _COARSE), (len(sigma0), _COARSE))
    first, reached = _first(coarse, sigma0, incidence, phi)[:2]
    last = np.where(reached, first, np.minimum(first + 1, _COARSE - 1))
    rows = np.arange(len(sigma0))
    ends = coarse[rows, np.maximum(first - 1, 0)], coarse[rows, last]
    fine = np.linspace(*ends, _FINE, axis=1)
    first, reached, curve = _first(fine, sigma0, incidence, phi)
    inside = reached & (first > 0)
    before = np.maximum(first - 1, 0)
    low, high = curve[rows, before], curve[rows, first]
    weight = (sigma0 - low) / np.where(inside, high - low, 1.0)
    between = fine[rows, before] + weight * (fine[rows, first] - fine[rows, before])
    return np.where(inside, between, fine[rows, first])


def _first(
    speed: Array, sigma0: Array, incidence: Array, phi: Array
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], Array]:
    """Column of the first speed that reaches sigma0, or of the highest curve; whether; the curve."""
    curve = cmod5n(speed, phi[:, None], incidence[:, None])
    above = curve >= sigma0[:, None]
    reached = np.asarray(above.any(axis=1))
    first = np.where(reached, above.argmax(axis=1), curve.argmax(axis=1))
    return first.astype(np.int64), reached, curve


def _blind(sigma0: Array, incidence: Array) -> Array:
    """Interpolate the table, bilinearly in incidence and dB."""
    first, step, count = _TABLE_DB
    floor = 10 ** (first / 10)
    decibel = 10 * np.log10(np.maximum(sigma0, floor))
    table = _stored_table()
    i, wi = _cell(incidence, *TABLE_INCIDENCE)
    j, wj = _cell(decibel, first, step, count)
    low = (1 - wj) * table[i, j] + wj * table[i, j + 1]
    high = (1 - wj) * table[i + 1, j] + wj * table[i + 1, j + 1]
    return np.asarray((1 - wi) * low + wi * high)


def _cell(
    value: Array, first: float, step: float, count: int
) -> tuple[npt.NDArray[np.int64], Array]:
    """Lower node and weight of the upper one; the last value beyond the ends."""
    at = np.clip((value - first) / step, 0, count - 1)
    node = np.minimum(at.astype(np.int64), count - 2)
    return node, at - node


@lru_cache(maxsize=1)
def _stored_table() -> Array:
    # In the package: a head that takes this wind then needs neither xsarsea nor its compiler.
    return np.asarray(np.load(TABLE_FILE, allow_pickle=False), np.float64)


def blind_speeds(incidence: float) -> npt.NDArray[np.float32]:
    """Compute one row of the table of direction-blind wind speeds that comes with the package.

    Shapes: gives (221,). Posterior mean speed, m/s, at backscatter from -45 to 10 dB by 0.25
    dB.
    """
    speed = np.geomspace(*SPEEDS, 600)
    scale, shape = _WEIBULL
    # Per unit of the logarithm of the speed, in which the nodes are equidistant.
    log_prior = shape * np.log(speed / scale) - (speed / scale) ** shape
    model = 10 * np.log10(cmod5n(speed[:, None], np.arange(2.5, 180.0, 5.0), incidence))
    first, step, count = _TABLE_DB
    decibel = first + step * np.arange(count)
    return np.array(
        [_posterior_mean(s - model, speed, log_prior) for s in decibel], np.float32
    )


def _posterior_mean(residual: Array, speed: Array, log_prior: Array) -> float:
    log_weight = log_prior[:, None] - 0.5 * (residual / _SPREAD_DB) ** 2
    weight = np.exp(log_weight - log_weight.max()).sum(axis=1)
    return float(weight @ speed / weight.sum())
