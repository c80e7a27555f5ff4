"""What notebooks show in place of a text: everything escaped, no script, nothing from elsewhere."""

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pandas as pd

_FRAME: Final = "border-left:3px solid #56b4e9;padding:2px 0 2px 12px;max-width:100%"
_TEXT: Final = (
    "margin:0;white-space:pre-wrap;background:none;border:none;padding:0;font-size:12px"
)
_WARNING: Final = (
    "margin:6px 0 0;padding:3px 8px;border-left:3px solid #9c1c1c;font-size:12px"
)
_ROW: Final = "display:flex;flex-wrap:wrap;gap:8px;margin-top:8px"
_TABLE: Final = "font-size:12px;margin-top:8px;overflow-x:auto"
_CAPTION: Final = "font-size:10px;line-height:1.3;white-space:pre-line;max-width:112px"
#: Rows of a table that a notebook shows.
_MOST_ROWS: Final = 40


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture with what stands below it, or with what is wrong in place of it."""

    #: PNG; empty where there is none.
    png: bytes
    caption: str


def card(
    text: str,
    *,
    warnings: Iterable[str] = (),
    pictures: Iterable[Picture] = (),
    tables: Iterable["pd.DataFrame"] = (),
) -> str:
    """Put a text, what must not be overlooked, pictures and tables in one piece of HTML."""
    parts = [f'<pre style="{_TEXT}">{escape(text)}</pre>']
    parts += [f'<p style="{_WARNING}">{escape(words)}</p>' for words in warnings]
    shown = "".join(_figure(picture) for picture in pictures)
    parts += [f'<div style="{_ROW}">{shown}</div>'] if shown else []
    parts += [
        f'<div style="{_TABLE}">{table.to_html(max_rows=_MOST_ROWS, border=0)}</div>'
        for table in tables
    ]
    return f'<div class="xoceansar" style="{_FRAME}">{"".join(parts)}</div>'


def _figure(picture: Picture) -> str:
    caption = f'<div style="{_CAPTION}">{escape(picture.caption)}</div>'
    if not picture.png:
        return f"<div>{caption}</div>"
    source = f"data:image/png;base64,{b64encode(picture.png).decode()}"
    alone = escape(picture.caption, quote=True)
    return f'<div><img src="{source}" alt="{alone}" style="width:112px">{caption}</div>'
