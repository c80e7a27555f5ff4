"""Print the tables of docs/pretraining.md from results.jsonl: mean over seeds, and their spread."""

import json
from pathlib import Path

import pandas as pd

COLUMNS = {
    "linear/swh": ("SWH (m)", ".3f"),
    "linear/wind_speed": ("wind (m/s)", ".2f"),
    "linear/ocean_class": ("class", ".3f"),
    "linear/rare_classes": ("rare classes", ".3f"),
    "knn/swh": ("kNN SWH", ".2f"),
    "knn/wind_speed": ("kNN wind", ".2f"),
    "knn/ocean_class": ("kNN class", ".3f"),
}


def main() -> None:
    """Print one row for each variant and number of steps, in the order of the results."""
    path = Path(__file__).with_name("results.jsonl")
    rows = pd.DataFrame(map(json.loads, path.read_text().splitlines()))
    print("| | steps | seeds |", " | ".join(name for name, _ in COLUMNS.values()), "|")
    print("|---|---|---|" + "---|" * len(COLUMNS))
    for (variant, steps), group in rows.groupby(["variant", "steps"], sort=False):
        cells = []
        for column, (_, form) in COLUMNS.items():
            mean, spread = group[column].mean(), group[column].std()
            cell = format(mean, form)
            cells.append(cell if len(group) == 1 else f"{cell} ± {spread:{form}}")
        print(f"| {variant} | {steps} | {len(group)} |", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
