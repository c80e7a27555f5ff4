"""The command ``models``."""

from rich.table import Table

from xoceansar.cli.shell import out


def models() -> None:
    """List the models that come with the package, and what each of them gives.

    [bold]Examples[/bold]

      xoceansar models

    Any folder with a bundle, or name on the Hugging Face Hub (hf://...), is a model
    too: --model takes it.
    """
    from xoceansar.models import DEFAULT_MODEL, list_models, load_model

    table = Table("model", "backbone", "gives", "finds", "trained on", box=None)
    for name in list_models():
        handle = load_model(name)
        table.add_row(
            f"{name} (default)" if name == DEFAULT_MODEL else name,
            handle.backbone.architecture,
            ", ".join(head.target for head in handle.heads),
            ", ".join(detector.name for detector in handle.detectors) or "-",
            handle.origin.removesuffix(" only") or "real vignettes",
        )
    out.print(table)
