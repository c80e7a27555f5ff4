"""XML of untrusted products: no document type, no entities, no network, bounded depth."""

from typing import Final

import numpy as np
import numpy.typing as npt
from lxml import etree

from xoceansar.errors import ProductError

__all__ = ["attribute", "floats", "integers", "parse_xml", "table", "text"]

_MARKS: Final = (b"<!DOCTYPE", b"<!ENTITY")


def parse_xml(data: bytes, where: str) -> etree._Element:
    """Parse an XML document that declares nothing.

    Parameters
    ----------
    data : bytes
        The document.
    where : str
        Name of the file, for messages.

    Returns
    -------
    lxml element
        The root.

    Raises
    ------
    ProductError
        If the document is malformed or has a document type declaration, which Sentinel-1
        products never have and which can name other files or grow without bound.
    """
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
    cells = [cell for row in root.iterfind(path) for cell in row.iterchildren(*fields)]
    tags, values = [cell.tag for cell in cells], [cell.text or "" for cell in cells]
    order = tags[: len(fields)]
    whole = tags == order * (len(tags) // len(fields)) and all(values)
    if not whole or sorted(order) != sorted(fields):
        raise ValueError(f"a <{path}> lacks one of {fields}")
    _plain("".join(values), path)  # one test for hundreds
    numbers = np.array(list(map(float, values))).reshape(-1, len(fields))
    return numbers[:, [order.index(field) for field in fields]]


def _plain(value: str, path: str) -> str:
    """Refuse what Python takes for digits and XML numbers are not written with."""
    if not value.isascii() or "_" in value:
        raise ValueError(f"<{path}> holds characters that no number has")
    return value


def attribute(root: etree._Element, path: str) -> list[str]:
    """Values of an XPath expression that selects attributes or strings."""
    found = root.xpath(path)
    return [str(value) for value in found] if isinstance(found, list) else [str(found)]


def floats(root: etree._Element, path: str) -> npt.NDArray[np.float64]:
    """Numbers of a blank-separated list."""
    return np.array(text(root, path).split(), dtype=np.float64)


def integers(root: etree._Element, path: str) -> npt.NDArray[np.int64]:
    """Whole numbers of a blank-separated list."""
    return np.array(text(root, path).split(), dtype=np.int64)
