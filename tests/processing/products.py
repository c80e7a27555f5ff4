"""Small products, made once for all tests of a session."""

import pytest

from xoceansar.simulate import write_safe

#: Pixels of 50 m that fit products of this scale, and the tiny model.
SCALE, SHAPE = 0.17, (64, 64)


def write(folder, number, n=2, **kwargs):
    """Write a product of its own name, 3.3 km large."""
    start = f"2021-04-{number + 1:02d}T08:30:25.749829"
    return write_safe(
        folder,
        n=n,
        seed=number,
        scale=SCALE,
        start=start,
        datatake=number + 1,
        **kwargs,
    )


@pytest.fixture(scope="session")
def products(tmp_path_factory):
    """Three products of two vignettes; not to be changed."""
    folder = tmp_path_factory.mktemp("products")
    return [write(folder, number) for number in range(3)]
