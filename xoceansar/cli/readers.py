"""What the commands that read products and archives share: their arguments, and opening."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from xoceansar.cli.shell import working

if TYPE_CHECKING:
    import xarray as xr

    from xoceansar.models.spec import ModelHandle


Paths = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH...",
        help="A .SAFE folder, its manifest.safe, a .zip of it, an EOPF .zarr, several, a quoted glob, or what 'search' wrote.",
    ),
]
Beam = Annotated[
    str | None,
    typer.Option(
        help="Keep one beam: wv1 (24 degrees incidence) or wv2 (37 degrees).",
        metavar="WV1|WV2",
    ),
]
Reader = Annotated[
    Literal["direct", "xsar"],
    typer.Option(help="Who calibrates: this package, or xsar."),
]
Spacing = Annotated[float, typer.Option(help="Metres between pixels.", min=1)]
Shape = Annotated[
    tuple[int, int],
    typer.Option(metavar="LINES SAMPLES", help="Pixels in azimuth and in range."),
]
Verify = Annotated[
    bool,
    typer.Option(
        "--verify/--no-verify",
        help="Hold pixels to their checksums: 0.16 s of the processor a vignette.",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(help="Name or folder of a model; the shipped one otherwise."),
]
Confidence = Annotated[
    float | None,
    typer.Option(
        help="Add intervals that hold the truth with this probability, as 0.9."
    ),
]
Device = Annotated[
    str, typer.Option(help="cpu, cuda, cuda:N, or auto: a GPU where there is one.")
]
Archive = Annotated[
    str,
    typer.Argument(
        metavar="ARCHIVE.zarr",
        help="A Zarr store or Icechunk repository along vignette, or its s3:// URL.",
    ),
]
Time = Annotated[
    str | None,
    typer.Option(help="Only a period: 2021-04, or 2021-04-03/2021-05 (both ends in)."),
]
Region = Annotated[
    tuple[float, float, float, float] | None,
    typer.Option(
        metavar="WEST SOUTH EAST NORTH",
        help="Only a region; WEST > EAST across 180 degrees.",
    ),
]
Class = Annotated[
    list[str] | None,
    typer.Option("--class", help="Only this ocean class; may be given again."),
]


def opened(
    paths: list[str],
    beam: str | None = None,
    *,
    reader: Literal["direct", "xsar"] = "direct",
    spacing: float = 50.0,
    shape: tuple[int, int] = (384, 384),
    verify: bool = True,
) -> "xr.Dataset":
    """Open the products of a command, saying so."""
    from xoceansar import open_wave_mode

    with working("reading annotation"):
        return open_wave_mode(
            paths if len(paths) > 1 else paths[0],
            beam=beam,
            reader=reader,
            spacing=spacing,
            shape=shape,
            verify=verify,
        )


def handle_of(model: str | None, device: str) -> "ModelHandle":
    """Load the model of a command for a device."""
    from xoceansar.models import load_model

    return load_model(model, device=device)


def read_result(path: str | Path) -> "xr.Dataset":
    """Open a store that `retrieve` or `process` wrote, or refuse what is none."""
    from xoceansar._paths import is_url
    from xoceansar.errors import ProductError
    from xoceansar.io.archive.zarr_archive import is_archive, open_archive

    if not is_url(str(path)) and not is_archive(path):
        raise ProductError(
            f"{path} is not a Zarr store. Make one with: xoceansar retrieve PRODUCT.SAFE "
            f"--to {path}"
        )
    return open_archive(path)


def period(text: str | None) -> str | slice | None:
    """Read a period: one, or first/last."""
    if text is None or "/" not in text:
        return text
    first, _, last = text.partition("/")
    return slice(first or None, last or None)
