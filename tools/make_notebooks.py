"""Make the notebooks of examples/notebooks from their percent scripts, without outputs.

python tools/make_notebooks.py          writes NAME.ipynb beside each NAME.py
python tools/make_notebooks.py --check  says which are not what their scripts give
"""

import sys
from pathlib import Path

import jupytext
import nbformat

FOLDER = Path(__file__).parents[1] / "examples" / "notebooks"
METADATA = {
    "kernelspec": {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}


def notebook(source: Path) -> nbformat.NotebookNode:
    """Read a percent script as a notebook, the same each time."""
    made = jupytext.read(source, fmt="py:percent")
    made.metadata = nbformat.from_dict(METADATA)
    for number, cell in enumerate(made.cells):
        cell.id = f"cell-{number:02d}"
        cell.metadata = nbformat.from_dict({})
    nbformat.validate(made)
    return made


def main() -> int:
    """Write or check every notebook; 0 when all is well."""
    wrong = 0
    for source in sorted(FOLDER.glob("*.py")):
        text = nbformat.writes(notebook(source)) + "\n"
        target = source.with_suffix(".ipynb")
        if "--check" not in sys.argv:
            target.write_text(text)
        elif not target.exists() or target.read_text() != text:
            print(f"{target.name} is not what {source.name} gives")
            wrong += 1
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
