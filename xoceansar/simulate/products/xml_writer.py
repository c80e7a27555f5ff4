"""Plain XML, indented as in the products of the ground segment, from nested Python data.

A document is a tag and its content: text, a mapping of tags to contents, a sequence of
``(tag, content)`` pairs where a tag repeats, or a `Node` where there are attributes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import numpy.typing as npt

__all__ = ["Content", "Node", "double", "flag", "listing", "render", "single", "values"]

Children: TypeAlias = "Mapping[str, Content] | Sequence[tuple[str, Content]]"
Content: TypeAlias = "str | Node | Children"


@dataclass(frozen=True)
class Node:
    """Content with attributes."""

    attributes: Mapping[str, str]
    content: "str | Children" = ()


def double(value: float) -> str:
    """Format as the product specification's double."""
    return f"{value:.15e}"


def single(value: float) -> str:
    """Format as the product specification's float."""
    return f"{value:.6e}"


def flag(value: bool) -> str:
    """Format as an XML boolean."""
    return "true" if value else "false"


def values(array: npt.ArrayLike, form: str) -> Node:
    """Write an array as its values in one text, with their number as ``count``."""
    flat = np.ravel(array).tolist()
    return Node({"count": str(len(flat))}, " ".join([format(v, form) for v in flat]))


def listing(tag: str, records: Iterable[Content]) -> Node:
    """Write records as equal tags under one, with their number as ``count``."""
    children = [(tag, record) for record in records]
    return Node({"count": str(len(children))}, children)


def render(tag: str, content: Content) -> bytes:
    """Write a document."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', *_lines(tag, content, "")]
    return ("\n".join(lines) + "\n").encode()


def _lines(tag: str, content: Content, indent: str) -> Iterator[str]:
    start = tag
    if isinstance(content, Node):
        start += "".join(f" {k}={quoteattr(v)}" for k, v in content.attributes.items())
        yield from _element(start, tag, content.content, indent)
    else:
        yield from _element(start, tag, content, indent)


def _element(
    start: str, tag: str, content: "Children | str", indent: str
) -> Iterator[str]:
    if not content:
        yield f"{indent}<{start}/>"
    elif isinstance(content, str):
        yield f"{indent}<{start}>{escape(content)}</{tag}>"
    else:
        yield f"{indent}<{start}>"
        pairs = content.items() if isinstance(content, Mapping) else content
        for child, inner in pairs:
            yield from _lines(child, inner, indent + "  ")
        yield f"{indent}</{tag}>"
