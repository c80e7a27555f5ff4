"""What the console script ``xoceansar`` starts: the command line, without the accessors.

It lies beside the package because importing anything of the package imports that first; once this module is
there, ``import xoceansar`` leaves xarray alone (docs/adr/0019).
"""

__all__ = ["main"]


def main() -> None:
    """Run the command that is typed."""
    from xoceansar.cli import app

    app(prog_name="xoceansar")
