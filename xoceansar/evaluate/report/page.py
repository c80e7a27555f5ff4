"""A page of sections with tables and figures, as Markdown and as one HTML file that needs no other."""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pandas as pd

from xoceansar.evaluate.benchmark_result import markdown_table

_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.2; }
h2 { border-bottom: 1px solid #ddd; padding-bottom: .2rem; margin-top: 2.2rem; }
table { border-collapse: collapse; margin: 1rem 0; font-size: 13px; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #e3e3e3; text-align: left; vertical-align: top; }
img { max-width: 100%; }
figure { margin: 1.2rem 0; }
figcaption { font-size: 13px; color: #555; }
.caution { color: #9c1c1c; font-weight: 600; }
"""


@dataclass(frozen=True)
class Figure:
    """A picture that is written already, beside the page."""

    file: str
    caption: str


@dataclass(frozen=True)
class Section:
    """What stands under one heading.

    Parameters
    ----------
    title : str
        The heading.
    level : int
        2 for a part of the page, 3 for a part of that.
    text : sequence of str
        Paragraphs.
    tables : sequence of DataFrame
        With their index.
    figures : sequence of Figure
        Below the tables.
    """

    title: str
    level: int = 2
    text: Sequence[str] = ()
    tables: Sequence[pd.DataFrame] = field(default=())
    figures: Sequence[Figure] = ()


def to_markdown(title: str, caution: str, sections: Sequence[Section]) -> str:
    """Write a page as Markdown.

    Examples
    --------
    >>> print(to_markdown("Report", "", [Section("Data", text=["Few."])]))
    # Report
    <BLANKLINE>
    ## Data
    <BLANKLINE>
    Few.
    <BLANKLINE>
    """
    parts = [f"# {title}", *([f"> **{caution}**"] if caution else [])]
    for section in sections:
        parts += [f"{'#' * section.level} {section.title}", *section.text]
        parts += [markdown_table(_as_text(table)) for table in section.tables]
        parts += [f"![{f.caption}]({f.file})" for f in section.figures]
    return "\n\n".join(parts) + "\n"


def to_html(title: str, caution: str, sections: Sequence[Section], folder: Path) -> str:
    """Write a page as HTML, with the figures of a folder in it."""
    parts = [f"<h1>{html.escape(title)}</h1>"]
    if caution:
        parts.append(f'<p class="caution">{html.escape(caution)}</p>')
    for section in sections:
        heading = html.escape(section.title)
        parts.append(f"<h{section.level}>{heading}</h{section.level}>")
        parts += [f"<p>{html.escape(text)}</p>" for text in section.text]
        parts += [_table(table) for table in section.tables]
        parts += [_figure(one, folder) for one in section.figures]
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _table(frame: pd.DataFrame) -> str:
    shown = _as_text(frame)
    head = "".join(
        f"<th>{html.escape(str(c))}</th>"
        for c in (shown.index.name or "", *shown.columns)
    )
    rows = "".join(
        "<tr>"
        + "".join(f"<td>{html.escape(str(c))}</td>" for c in (name, *row))
        + "</tr>"
        for name, row in zip(shown.index, shown.to_numpy(), strict=True)
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _as_text(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.map(lambda v: f"{v:.4g}" if isinstance(v, float) else str(v))


def _figure(one: Figure, folder: Path) -> str:
    data = base64.b64encode((folder / one.file).read_bytes()).decode()
    caption = html.escape(one.caption)
    return (
        f'<figure><img alt="{caption}" src="data:image/png;base64,{data}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )
