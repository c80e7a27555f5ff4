"""Write the table of direction-blind CMOD5.N wind speeds: python tools/make_cmod5n_table.py."""

import numpy as np

from xoceansar.sar.inversion import TABLE_FILE, TABLE_INCIDENCE, blind_speeds


def main() -> None:
    """Write the file that comes with the package."""
    first, step, count = TABLE_INCIDENCE
    rows = [blind_speeds(first + step * k) for k in range(count)]
    np.save(TABLE_FILE, np.stack(rows))


if __name__ == "__main__":
    main()
