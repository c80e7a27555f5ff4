"""The command line: ``xoceansar open | retrieve | process | icebergs | collocate | similar | export | check | map | simulate | fit | benchmark | experiment | pretrain | demo``.

Everything heavy is imported by the command that needs it, so that ``--help`` is quick.
"""

import typer

from xoceansar import __version__
from xoceansar.cli import (
    archive_commands,
    benchmark,
    collocate,
    demo,
    experiment,
    fit,
    icebergs_command,
    map,
    pretrain,
    process,
    product_commands,
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


app.command("open")(product_commands.open_)
app.command("retrieve")(product_commands.retrieve)
app.command("process")(process.process)
app.command("icebergs")(icebergs_command.icebergs)
app.command("collocate")(collocate.collocate)
app.command("similar")(archive_commands.similar)
app.command("export")(archive_commands.export)
app.command("check")(process.check)
app.command("map")(map.map_)
app.command("simulate")(product_commands.simulate)
app.command("fit")(fit.fit)
app.command("benchmark")(benchmark.benchmark)
app.command("experiment")(experiment.experiment)
app.command("pretrain")(pretrain.pretrain)
app.command("demo")(demo.demo)
