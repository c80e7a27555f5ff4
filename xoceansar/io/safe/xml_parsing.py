"""XML of untrusted products: no document type, no entities, no network, bounded depth."""

import itertools
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from lxml import etree

from xoceansar.errors import ProductError

__all__ = ["floats", "integers", "parse_xml", "table", "text"]

_MARKS: Final = (b"<!DOCTYPE", b"<!ENTITY")


def parse_xml(data: bytes, where: str) -> etree._Element:
    """Parse an XML document that declares nothing."""
    # no mark is without its second byte, which is looked for ten times faster
    declared = b"!" in data and any(mark in data for mark in _MARKS)
    if not declared:
        # Blanks between elements are most of the nodes of an annotation, and a third of the time.
        parser = etree.XMLParser(
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            remove_pis=True,
            remove_comments=True,
            remove_blank_text=True,
            collect_ids=False,
        )
        try:
            root = etree.fromstring(data, parser)
        except etree.XMLSyntaxError as error:
            raise ProductError(
                f"{where} is not well-formed XML ({error.msg}). Download the product again."
            ) from error
        # The bytes of another encoding, such as UTF-16, do not show the marks.
        declared = bool(getattr(root.getroottree().docinfo, "doctype", ""))
    if declared:
        raise ProductError(
            f"{where} declares a document type or entities, which no Sentinel-1 product "
            "does: it is refused. Download the product again from the Copernicus Data Space."
        )
    return root


def text(root: etree._Element, path: str) -> str:
    """Text of the first element at a path; ValueError where there is none."""
    found = root.findtext(path)
    if found is None or not found.strip():
        raise ValueError(f"<{path}> is absent or empty")
    return _plain(found.strip(), path)


def table(
    root: etree._Element, path: str, fields: tuple[str, ...]
) -> npt.NDArray[np.float64]:
    """Numbers of all elements at a path, a column for each of their children, in one pass."""
    first = root.find(path)
    order = [] if first is None else [cell.tag for cell in first]
    if any(order.count(field) != 1 for field in fields):
        raise ValueError(f"a <{path}> lacks one of {fields}")
    columns = [_texts(path, order.index(field), field)(root) for field in fields]
    rows, cells = _counts(path)
    count = rows(root)
    if cells(root) != count * len(order) or any(len(c) != count for c in columns):
        raise ValueError(f"a <{path}> lacks one of {fields}")
    _plain("".join(itertools.chain(*columns)), path)  # one test for hundreds
    return np.array([list(map(float, column)) for column in columns]).T


@lru_cache
def _texts(path: str, place: int, field: str) -> Callable[[etree._Element], Any]:
    """Find the texts of a field, where it stands at a place, counted from 0."""
    return etree.XPath(
        f"{path}/*[{place + 1}]/self::{field}/text()", smart_strings=False
    )


@lru_cache
def _counts(path: str) -> tuple[Callable[[etree._Element], Any], ...]:
    """Count the elements at a path, and all their children."""
    return etree.XPath(f"count({path})"), etree.XPath(f"count({path}/*)")


def _plain(value: str, path: str) -> str:
    """Refuse what Python takes for digits and XML numbers are not written with."""
    if not value.isascii() or "_" in value:
        raise ValueError(f"<{path}> holds characters that no number has")
    return value


def floats(root: etree._Element, path: str) -> npt.NDArray[np.float64]:
    """Numbers of a blank-separated list."""
    return np.array(text(root, path).split(), dtype=np.float64)


def integers(root: etree._Element, path: str) -> npt.NDArray[np.int64]:
    """Whole numbers of a blank-separated list."""
    return np.array(text(root, path).split(), dtype=np.int64)
