"""The one line that every benchmark prints for every number."""

import json

__all__ = ["report"]


def report(
    name: str, value: float | str, unit: str, bar: str, holds: bool | None
) -> None:
    """Print a number as one JSON line.

    Parameters
    ----------
    name : str
        What was measured, dotted: ``reader.speed_ratio``.
    value : float or str
        The measured value.
    unit : str
        Its unit.
    bar : str
        What it must reach, in words: ``>= 25``.
    holds : bool or None
        Whether it does; None for a figure without a bar.
    """
    rounded = float(f"{value:.6g}") if isinstance(value, float) else value
    record = {"name": name, "value": rounded, "unit": unit, "bar": bar}
    print(json.dumps({**record, "holds": holds}), flush=True)
