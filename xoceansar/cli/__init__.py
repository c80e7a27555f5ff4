"""The command line: ``xoceansar open | retrieve | process | icebergs | collocate | similar | export | check | map | simulate | fit | benchmark | experiment | pretrain | demo``.

Everything heavy is imported by the command that needs it, so that ``--help`` is quick.
"""

import typer

from xoceansar import __version__
from xoceansar.cli import (
    archives,
    benchmarking,
    collocation,
    demo,
    detection,
    experimenting,
    figures,
    fitting,
    pretraining,
    processing,
    products,
)
from xoceansar.cli.shell import OceansarGroup, out

__all__ = ["app"]

app = typer.Typer(
    cls=OceansarGroup,
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(value: bool) -> None:
    if value:
        out.print(__version__, highlight=False)
        raise typer.Exit


@app.callback()
def main(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Ocean measurements from Sentinel-1 Wave Mode products.

    A first tour, without any data of your own:

      xoceansar demo --to demo

    With a product:

      xoceansar open PRODUCT.SAFE
      xoceansar retrieve PRODUCT.SAFE --to result.zarr
      xoceansar map result.zarr --variable swh --to map.png

    COMMAND --help explains each of them, with examples.
    """


app.command("open")(products.open_)
app.command("retrieve")(products.retrieve)
app.command("process")(processing.process)
app.command("icebergs")(detection.icebergs)
app.command("collocate")(collocation.collocate)
app.command("similar")(archives.similar)
app.command("export")(archives.export)
app.command("check")(processing.check)
app.command("map")(figures.map_)
app.command("simulate")(products.simulate)
app.command("fit")(fitting.fit)
app.command("benchmark")(benchmarking.benchmark)
app.command("experiment")(experimenting.experiment)
app.command("pretrain")(pretraining.pretrain)
app.command("demo")(demo.demo)
