"""Small Wave Mode products in the real format, with known backscatter."""

import hashlib
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import xarray as xr

from tests.simulate.made_scenes import made_scene
from xoceansar.simulate.products.safe_product import truth_path, write_safe

#: Pixels that fit both beams at a tenth of the size: 1.8 km of 1.96 km.
SHAPE = (36, 36)
LEVELS = (0.3, 0.06, 0.2, 0.05)


def make_product(folder, *, ipf="003.71", levels=LEVELS, **kwargs):
    """Write wv1 and wv2 in turn, a tenth of the real size, each flat at its level."""
    scenes = [
        made_scene(("wv1", "wv2")[k % 2], level, size=3000.0)
        for k, level in enumerate(levels)
    ]
    return write_safe(folder, scenes=scenes, ipf=ipf, scale=0.1, **kwargs)


@pytest.fixture(scope="session")
def product(tmp_path_factory):
    """Four vignettes; not to be changed."""
    path = make_product(tmp_path_factory.mktemp("product"))
    with xr.open_dataset(truth_path(path)) as truth:
        return SimpleNamespace(path=path, truth=truth.load())


@pytest.fixture
def copy(product, tmp_path):
    """Four vignettes to be damaged, by their paths."""
    path = tmp_path / product.path.name
    shutil.copytree(product.path, path)
    return Copy(path)


class Copy:
    """A product whose files can be changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stems = sorted(
            (file.stem for file in (path / "annotation").glob("*.xml")),
            key=lambda stem: stem[-3:],
        )

    def file(self, role: str, index: int) -> Path:
        """Path of a file of a vignette."""
        stem = self.stems[index]
        return {
            "annotation": self.path / f"annotation/{stem}.xml",
            "calibration": self.path / f"annotation/calibration/calibration-{stem}.xml",
            "noise": self.path / f"annotation/calibration/noise-{stem}.xml",
            "measurement": self.path / f"measurement/{stem}.tiff",
        }[role]

    def edit(self, role: str, index: int, old: str, new: str) -> None:
        """Replace text that must be there."""
        file = self.file(role, index)
        text = file.read_text()
        assert old in text, f"{old!r} is not in {file.name}"
        file.write_text(text.replace(old, new))
        self.sign()

    def sign(self) -> None:
        """Make the checksums of the manifest those of the files, where a processor wrote them so."""
        manifest = self.path / "manifest.safe"
        text = manifest.read_text()
        for file in [*self.path.rglob("*.xml"), *self.path.rglob("*.tiff")]:
            md5 = hashlib.md5(file.read_bytes()).hexdigest()
            pattern = rf"(/{file.name}\"/>\s*<checksum[^>]*>)[0-9a-f]*"
            text = re.sub(pattern, rf"\g<1>{md5}", text)
        manifest.write_text(text)
