"""The command that draws a map, and how commands write figures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xoceansar._optional import require
from xoceansar._paths import local_target
from xoceansar.cli.readers import read_result
from xoceansar.cli.shell import local, out, working
from xoceansar.errors import OceansarError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def map_(
    result: Annotated[
        str,
        typer.Argument(
            metavar="RESULT.zarr", help="What xoceansar retrieve wrote; a path or URL."
        ),
    ],
    to: Annotated[
        Path,
        typer.Option(
            callback=local,
            help="Figure to write: .png, .pdf or .svg.",
            metavar="map.png",
        ),
    ],
    variable: Annotated[
        str, typer.Option(help="swh, wind_speed, ocean_class, quality, beam, ...")
    ] = "swh",
    region: Annotated[
        tuple[float, float, float, float] | None,
        typer.Option(
            metavar="WEST SOUTH EAST NORTH",
            help="Region in degrees; WEST > EAST across the antimeridian.",
        ),
    ] = None,
    world: Annotated[
        bool, typer.Option("--world", help="Draw the whole world.")
    ] = False,
    arrows: Annotated[
        str | None,
        typer.Option(help="Direction to draw as arrows, as swell_to_direction."),
    ] = None,
    dpi: Annotated[int, typer.Option(help="Pixels per inch.", min=30, max=1200)] = 200,
) -> None:
    """Draw one value for each vignette on a map. Needs no network.

    [bold]Examples[/bold]

      xoceansar map result.zarr --variable swh --to swh.png
      xoceansar map result.zarr --variable ocean_class --world --to classes.pdf
      xoceansar map result.zarr --region 160 -50 -150 0 --to pacific.png

    Vignettes without a value are hollow grey marks.
    """
    from xoceansar import plot

    ds = read_result(result)
    with working(f"drawing {variable}"):
        use_files()
        figure = plot.map(
            ds, variable, region="world" if world else region, arrows=arrows
        )
        save(figure, to, dpi=dpi)
    out.print(f"written to {to}", highlight=False, soft_wrap=True)


def use_files() -> None:
    """Draw into files alone: a command needs no window, even where there is a display."""
    require("matplotlib", extra="plot").use("Agg")


def save(figure: "Figure", path: Path, *, dpi: int = 200) -> None:
    """Write a figure and forget it."""
    known = figure.canvas.get_supported_filetypes()
    if path.suffix[1:].lower() not in known:
        raise OceansarError(
            f"{path.name!r} does not say a known format by its suffix. Use .png, .pdf or .svg."
        )
    local_target(path, "a figure").parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=dpi)
    require("matplotlib.pyplot", extra="plot").close(figure)
