"""The demonstration: the whole way from a product to a map, on a simulated sea whose truth is known."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xoceansar.cli import printed_tables
from xoceansar.cli.map import save, use_files
from xoceansar.cli.readers import Model
from xoceansar.cli.shell import Steps, local, out

if TYPE_CHECKING:
    import xarray as xr


def demo(
    to: Annotated[
        Path,
        typer.Option(callback=local, help="Folder of what is made.", metavar="FOLDER"),
    ] = Path("demo"),
    n: Annotated[
        int, typer.Option("--n", "-n", help="Number of vignettes.", min=1, max=32)
    ] = 8,
    seed: Annotated[int, typer.Option(help="The same seed makes the same sea.")] = 4,
    scale: Annotated[
        float,
        typer.Option(
            help="1 for the real size; less is quicker, and too small to retrieve."
        ),
    ] = 1.0,
    model: Model = None,
) -> None:
    """Simulate a product, read it, retrieve, compare with the truth, draw: everything in one go.

    [bold]Examples[/bold]

      xoceansar demo
      xoceansar demo --to somewhere --n 4 --seed 1

    Makes a Wave Mode product in the real format and of the real size (100 MB a
    vignette), and beside it results.zarr, map.png, world.png and vignettes.png.
    The sea is simulated: the errors in the table are no statement about the
    real one.
    """
    import xoceansar as xos
    from xoceansar import ops
    from xoceansar.simulate.products.safe_product import truth_path, write_safe

    handle = xos.load_model(model)
    steps = Steps()
    with steps.step(f"simulate a product of {n} vignettes"):
        product = write_safe(to, n=n, seed=seed, scale=scale)
    with steps.step("open it"):
        ds = xos.open_wave_mode(product)
    with steps.step("read and calibrate"):
        ds = ds.compute()
    with steps.step("retrieve"):
        result = ops.retrieve(ds, model=handle)
        xos.to_zarr(result, to / "results.zarr", overwrite=True)
    truth = _truth(truth_path(product), result)
    with steps.step("draw maps and quick-looks"):
        _draw(ds, result, truth, to)

    table, summary = printed_tables.compare(result, truth)
    out.print(table)
    out.print(summary, markup=False, soft_wrap=True)
    trained = ", and the sea that the model was trained on" if handle.simulated else ""
    out.print(
        f"The sea is simulated{trained}: no error here is one of a measurement.",
        style="yellow",
    )
    out.print(steps.table())
    for name in (product.name, "results.zarr", "map.png", "world.png", "vignettes.png"):
        out.print(f"written: {to / name}", highlight=False, soft_wrap=True)


def _truth(path: Path, result: "xr.Dataset") -> "xr.Dataset":
    """Read the truth, in the order of the result."""
    import xarray as xr

    with xr.open_dataset(path, engine="scipy", mask_and_scale=False) as file:
        truth = file.load()
    rows = {str(name): i for i, name in enumerate(truth["vignette_id"].values)}
    return truth.isel(
        vignette=[rows[str(name)] for name in result["vignette_id"].values]
    )


def _draw(
    ds: "xr.Dataset", result: "xr.Dataset", truth: "xr.Dataset", to: Path
) -> None:
    from xoceansar import plot

    use_files()
    save(plot.map(result, "swh"), to / "map.png")
    save(plot.map(result, "swh", region="world"), to / "world.png")
    images = result.assign(sigma0=ds["sigma0"])
    save(plot.vignettes(images, truth=truth), to / "vignettes.png")
