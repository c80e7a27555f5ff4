"""The commands ``retrieve`` and ``embed``: a model on products."""

from typing import Annotated

import typer

from xoceansar._progress import computing
from xoceansar.cli import printed_tables
from xoceansar.cli.readers import (
    Beam,
    Confidence,
    Device,
    Model,
    Paths,
    Reader,
    Shape,
    Spacing,
    Verify,
    handle_of,
    opened,
    read_result,
)
from xoceansar.cli.shell import out

Store = Annotated[
    str,
    typer.Option(
        help="Zarr store to write, a path or URL; xarray.open_zarr reads it.",
        metavar="OUT.zarr",
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace the store if it exists.")
]


def retrieve(
    paths: Paths,
    to: Store,
    model: Model = None,
    beam: Beam = None,
    confidence: Confidence = None,
    reader: Reader = "direct",
    spacing: Spacing = 50.0,
    shape: Shape = (384, 384),
    verify: Verify = True,
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Retrieve wave height, wind and ocean class, and write them as a Zarr store.

    [bold]Examples[/bold]

      xoceansar retrieve PRODUCT.SAFE --to result.zarr
      xoceansar retrieve 'archive/2021/*.SAFE' --beam wv2 --to wv2.zarr
      xoceansar retrieve PRODUCT.SAFE --to result.zarr --confidence 0.9

    Afterwards:

      xoceansar map result.zarr --variable swh --to map.png
      python -c "import xarray as xr; print(xr.open_zarr('result.zarr'))"

    A vignette that cannot be read is a row of missing values, and quality says
    why.
    """
    from xoceansar import ops, to_zarr

    handle = handle_of(model, device)
    ds = opened(paths, beam, reader=reader, spacing=spacing, shape=shape, verify=verify)
    result = ops.retrieve(ds, model=handle, confidence=confidence)
    with computing(f"retrieving {ds.sizes['vignette']} vignettes"):
        to_zarr(result, to, overwrite=overwrite)
    out.print(printed_tables.summarise(read_result(to).load()))
    out.print(f"model {handle.name}; written to {to}", highlight=False, soft_wrap=True)


def embed(
    paths: Paths,
    to: Store,
    model: Model = None,
    beam: Beam = None,
    reader: Reader = "direct",
    spacing: Spacing = 50.0,
    shape: Shape = (384, 384),
    verify: Verify = True,
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Embed each vignette by the backbone of a model, and write a Zarr store.

    [bold]Examples[/bold]

      xoceansar embed PRODUCT.SAFE --to embeddings.zarr
      xoceansar embed 'archive/2021/*.SAFE' --beam wv2 --to wv2.zarr

    Afterwards:

      xoceansar similar embeddings.zarr 0

    Heads are fitted on embeddings, and similar finds by them.
    """
    from xoceansar import ops, to_zarr

    handle = handle_of(model, device)
    ds = opened(paths, beam, reader=reader, spacing=spacing, shape=shape, verify=verify)
    embedding = ops.embed(ds, handle)
    with computing(f"embedding {ds.sizes['vignette']} vignettes"):
        to_zarr(embedding, to, overwrite=overwrite)
    out.print(
        f"{embedding.sizes['vignette']} embeddings of length {handle.embedding_dim} by "
        f"{handle.name}; written to {to}",
        highlight=False,
        soft_wrap=True,
    )
