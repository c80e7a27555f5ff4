"""Of two processings of one acquisition, the better one first: an archive takes what comes first."""

import re
from collections import defaultdict
from typing import Final

from xoceansar.errors import OceansarError, warn
from xoceansar.io.eopf.eopf_stems import eopf_span
from xoceansar.io.safe.processings import ProcessingRank, rank_processing
from xoceansar.io.safe.product import discover
from xoceansar.processing.product_listing import Unit

_NAME: Final = re.compile(
    r"(?P<platform>S1[A-Z])_WV_SLC__[0-9A-Z]{4}_(?P<start>\d{8}T\d{6})_(?P<stop>\d{8}T\d{6})_"
    r"\d{6}_(?P<datatake>[0-9A-F]{6})",
    re.IGNORECASE,
)


def best_first(units: list[Unit], options: str) -> list[Unit]:
    """Order products so that an acquisition is taken from its best processing.

    Notes
    -----
    Reads the manifests of those products.
    """
    ordered = list(units)
    repeated = []
    for places in _overlapping(units):
        group = [units[place] for place in places]
        ranks = {unit: _rank(unit, options) for unit in group}
        best = sorted(group, key=ranks.__getitem__, reverse=True)
        for place, unit in zip(places, best, strict=True):
            ordered[place] = unit
        repeated.append((best[0], best[1]))
    if repeated:
        first, second = repeated[0]
        warn(
            f"{len(repeated)} products have others as processings of the same acquisitions; each "
            "vignette is taken once, from the higher IPF version, then from the later processing, "
            "then from Fast-24h before NRT. "
            f"The first: {first.name} is taken before {second.name}."
        )
    return ordered


def _overlapping(units: list[Unit]) -> list[list[int]]:
    """Places of products of one satellite and data take whose times overlap."""
    takes: dict[tuple[str, str], list[tuple[str, str, int]]] = defaultdict(list)
    for place, unit in enumerate(units):
        name = _NAME.match(unit.name.upper())
        span = eopf_span(unit.name)
        if name is not None:
            times = name["start"], name["stop"], place
            takes[name["platform"], name["datatake"]].append(times)
        elif span is not None:
            takes[span.platform, span.datatake].append((span.start, span.stop, place))
    groups: list[list[int]] = []
    for times_of_take in takes.values():
        last = ""
        for start, stop, place in sorted(times_of_take):
            if start < last:
                groups[-1].append(place)
            else:
                groups.append([place])
            last = max(last, stop)
    return [sorted(group) for group in groups if len(group) > 1]


def _rank(unit: Unit, options: str) -> ProcessingRank:
    if unit.product is not None:
        return unit.product.rank
    try:
        return max(product.rank for product in discover(unit.path, options))
    except OceansarError:  # said, and recorded, when it is its turn
        return rank_processing("")
