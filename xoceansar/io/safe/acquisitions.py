"""What is taken of products: each acquisition once, and a word on the rest."""

from collections.abc import Callable
from itertools import groupby
from typing import Final, TypeVar

import numpy as np

from xoceansar.errors import ProductError, warn
from xoceansar.io.safe.product import Product, VignetteFiles

__all__ = ["SAME_START", "each_once", "report", "report_unsigned", "together"]

Listed = tuple[Product, VignetteFiles]
AnyImage = TypeVar("AnyImage")

#: Processings differ by less in when an image begins; its neighbours in the same beam are 29 s away.
SAME_START: Final = np.timedelta64(2, "s")


def each_once(products: list[Product]) -> list[Listed]:
    """List the vignettes of products, each acquisition once, in order of time."""
    ranked = sorted(products, key=lambda product: product.rank, reverse=True)
    rank = {id(product): place for place, product in enumerate(ranked)}
    everything = sorted(
        ((product, files) for product in products for files in product.vignettes),
        key=lambda one: (_radar(one), one[1].name.start, rank[id(one[0])]),
    )
    kept: list[Listed] = []
    repeated: dict[tuple[int, int], int] = {}
    for _, images in groupby(everything, _radar):
        for group in together(list(images), lambda one: one[1].name.start):
            best = min(rank[id(product)] for product, _ in group)
            for product, files in group:
                place = rank[id(product)]
                if place == best:
                    kept.append((product, files))
                else:
                    repeated[best, place] = repeated.get((best, place), 0) + 1
    for (best, place), count in sorted(repeated.items()):
        _say(ranked[best], ranked[place], count)
    return sorted(kept, key=lambda one: (one[1].name.start, one[1].name.stem))


def report(products: list[Product], *, raises: bool, verify: bool) -> None:
    """Say what of products is left out, and what of them nothing can verify."""
    for product in products:
        where = product.store.where(product.store.listing)
        if product.unknown:
            problem = (
                f"{where} lists {len(product.unknown)} files of vignettes under names that are "
                f"none of Wave Mode SLC, and they are left out; the first is "
                f"{product.unknown[0]}. Restore their names, or download the product again."
            )
            if raises:
                raise ProductError(problem)
            warn(problem)
        if verify:
            report_unsigned(where, product.unsigned)


def report_unsigned(where: str, count: int) -> None:
    """Say that files cannot be verified."""
    if count:
        warn(
            f"{where} has no MD5 of {count} of its files: damage in them shows only where it breaks "
            "them. Download the product again, or say verify=False."
        )


def _radar(one: Listed) -> tuple[str, ...]:
    name = one[1].name
    return name.platform, name.datatake, name.polarisation, name.beam


def together(
    images: list[AnyImage], start: Callable[[AnyImage], np.datetime64]
) -> list[list[AnyImage]]:
    """Divide images of one beam, in order of time, into acquisitions."""
    groups: list[list[AnyImage]] = []
    for one in images:
        if groups and start(one) - start(groups[-1][-1]) <= SAME_START:
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def _say(best: Product, other: Product, count: int) -> None:
    first, second = (
        f"{product.store.where('').rstrip('/')} (IPF {product.ipf_version})"
        for product in (best, other)
    )
    warn(
        f"{count} vignettes of {second} are in {first} too; each is taken once, from the latter: the "
        "higher IPF version counts, then the later processing, then Fast-24h over NRT, then the order. Give each product "
        "once, and of several processings the one that is wanted."
    )
