"""Let launchers start the command line: ``torchrun ... -m xoceansar.cli pretrain ...``."""

from xoceansar.cli import app

if __name__ == "__main__":
    app(prog_name="xoceansar")
