"""Sizes of the files of a simulated product beside those of a real one, and the time to write it.

Needs the manifest of a real wave-mode product in ../shared/data; reports only the time without.
"""

import tempfile
import time
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from _report import report

from xoceansar.simulate.products.safe_product import write_safe
from xoceansar.simulate.sea.environment import Environment
from xoceansar.simulate.sea.scenes import Scene

REAL = Path(__file__).parents[2] / "shared/data/safe"
PRODUCT = "S1B_WV_SLC__1SSV_20210403T083025_20210403T084452_026300_032390_D542.SAFE"
INCIDENCE = {"wv1": 23.8, "wv2": 36.8}
KINDS = {"Product": "annotation", "Noise": "noise", "Calibration": "calibration"}


def flat_scene(beam: str) -> Scene:
    n = 864
    return Scene(
        environment=Environment("pure_ocean_waves", beam, INCIDENCE[beam], 8.0, 30.0),
        spacing=25.0,
        sigma0=np.full((n, n), 0.1, np.float32),
        incidence=np.full(n, INCIDENCE[beam], np.float32),
        nesz=np.full(n, 2e-3, np.float32),
        truth={"swh": 2.0, "wind_speed": 8.0, "wind_direction": 30.0},
    )


def sizes(manifest: Path) -> dict[tuple[str, str], list[int]]:
    """Bytes of every file by kind and beam."""
    found = defaultdict(list)
    for item in ElementTree.parse(manifest).getroot().iter("dataObject"):
        schema = item.attrib["repID"].removeprefix("s1Level1").removesuffix("Schema")
        stream = item.find("byteStream")
        beams = [beam for beam in INCIDENCE if beam in item.attrib["ID"]]
        if stream is not None and beams:
            kind = KINDS.get(schema, "measurement")
            found[kind, beams[0]].append(int(stream.attrib["size"]))
    return found


def main() -> None:
    scenes = [flat_scene(beam) for beam in INCIDENCE]
    with tempfile.TemporaryDirectory() as folder:
        write_safe(folder, scenes=scenes, scale=0.05)  # compiles
        start = time.perf_counter()
        product = write_safe(folder, scenes=scenes, platform="S1B", ipf=3.31)
        seconds = (time.perf_counter() - start) / len(scenes)
        ours = sizes(product / "manifest.safe")
    report("safe.write_time", seconds, "s per vignette", "<= 2.5", seconds <= 2.5)
    manifest = REAL / PRODUCT / "manifest.safe"
    if not manifest.exists():
        return
    for (kind, beam), real in sizes(manifest).items():
        (size,) = ours[kind, beam]
        worst = max(abs(size / other - 1) for other in real)
        report(
            f"safe.size_error.{kind}.{beam}",
            100 * worst,
            f"% of the farthest of {len(real)} real files",
            "<= 3",
            worst <= 0.03,
        )


if __name__ == "__main__":
    main()
