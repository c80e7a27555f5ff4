"""Let ``python -m xoceansar`` start the command line."""

from xoceansar.cli import app

if __name__ == "__main__":
    app(prog_name="xoceansar")
