"""Say what is wrong with products in the EOPF format, which has no checksums: read them whole."""

from collections.abc import Iterator, Sequence

from xoceansar.errors import ProductError, UnsupportedProductError
from xoceansar.io.eopf.ocn_products import ocn_files
from xoceansar.io.eopf.zarr_groups import EopfStore
from xoceansar.io.guard import guard
from xoceansar.io.ocn.ocn_file import read_file
from xoceansar.io.safe.product import discover
from xoceansar.io.safe.vignette_source import (
    Source,
    load_annotation,
    load_numbers,
    load_tables,
)
from xoceansar.processing.archive_faults import Fault

__all__ = ["check_products"]


def check_products(stores: Sequence[EopfStore]) -> tuple[int, list[Fault]]:
    """Read every vignette of products; give their number, and what is wrong with which."""
    faults: list[Fault] = []
    count = 0
    for store in stores:
        for fault in _checked(store):
            count += 1
            faults += [fault] if fault is not None else []
    return count, faults


def _checked(store: EopfStore) -> Iterator[Fault | None]:
    """Read the vignettes of a product: None of each with which nothing is wrong."""
    try:
        files = list(ocn_files(store))
    except UnsupportedProductError:
        yield from _images(store)
        return
    for file in files:
        try:
            with guard(file.name.stem, file.where):
                read_file(file.where, file.name, file.read(), spectra=True)
            yield None
        except ProductError as error:
            yield Fault(file.name.stem, str(error))


def _images(store: EopfStore) -> Iterator[Fault | None]:
    for product in discover(store.place, store.options):
        for place in product.unknown:
            yield Fault(place, "nothing says which vignette it is")
        for one in product.vignettes:
            source = Source(product.store, one, 1.0)
            try:
                note = load_annotation(source)
                load_tables(source, uncalibrated=False)
                load_numbers(source, note)
                yield None
            except ProductError as error:
                yield Fault(one.name.stem, str(error))
