"""The command line: ``xoceansar search | download | open | models | retrieve | embed | process | icebergs | collocate | similar | export | check | map | explore | simulate | fit | benchmark | experiment | build | pretrain | demo``.

Everything heavy is imported by the command that needs it, so that ``--help`` is quick.
"""

import typer

from xoceansar import __version__
from xoceansar.cli import (
    benchmark,
    build,
    check,
    collocate,
    demo,
    download,
    experiment,
    explore,
    export,
    fit,
    icebergs,
    map,
    models,
    open,
    pretrain,
    process,
    retrieve,
    search,
    similar,
    simulate,
)
from xoceansar.cli.shell import OceansarGroup, out

__all__ = ["app"]

app = typer.Typer(
    cls=OceansarGroup,
    no_args_is_help=True,
    rich_markup_mode="rich",
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

      xoceansar search --bbox -40 30 -20 45 --datetime 2022-11
      xoceansar open PRODUCT.SAFE
      xoceansar retrieve PRODUCT.SAFE --to result.zarr
      xoceansar map result.zarr --variable swh --to map.png

    COMMAND --help explains each of them, with examples.
    """


app.command("search")(search.search)
app.command("download")(download.download)
app.command("open")(open.open_)
app.command("models")(models.models)
app.command("retrieve")(retrieve.retrieve)
app.command("embed")(retrieve.embed)
app.command("process")(process.process)
app.command("icebergs")(icebergs.icebergs)
app.command("collocate")(collocate.collocate)
app.command("similar")(similar.similar)
app.command("export")(export.export)
app.command("check")(check.check)
app.command("map")(map.map_)
app.command("explore")(explore.explore)
app.command("simulate")(simulate.simulate)
app.command("fit")(fit.fit)
app.command("benchmark")(benchmark.benchmark)
app.command("experiment")(experiment.experiment)
app.command("build")(build.build)
app.command("pretrain")(pretrain.pretrain)
app.command("demo")(demo.demo)
