"""Attributes as people and files have them: texts, bytes, arrays of one text, None."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np


def attribute_text(attrs: Mapping[Any, Any], name: Hashable) -> str | None:
    """Read an attribute that is meant to be a text.

    Examples
    --------
    >>> attribute_text({"units": np.array([b"m"])}, "units")
    'm'
    """
    return _text(attrs.get(name))


def attribute_flag(attrs: Mapping[Any, Any], name: Hashable) -> bool:
    """Read an attribute that is meant to be true or false."""
    text = attribute_text(attrs, name)
    return (text or "").strip().lower() not in ("", "0", "0.0", "false", "no")


def is_simulated(attrs: Mapping[Any, Any]) -> bool:
    """Tell whether attributes say that the data are simulated."""
    said = attribute_text(attrs, "source") or ""
    return attribute_flag(attrs, "simulated") or "simulated" in said


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, np.ndarray | list | tuple):
        parts = [_text(item) for item in np.ravel(np.asarray(value, object)).tolist()]
        known = [part for part in parts if part is not None]
        return " ".join(known) if known else None
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return None
    return str(value)
