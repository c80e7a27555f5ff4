from pathlib import Path

import numpy as np
import pytest

from tests.models.conftest import vignettes
from xoceansar.models.inference.runtime import embed_block

pytest.importorskip("torch")
distributed = pytest.importorskip("distributed")


def count_loads(log: Path) -> None:
    """Note each load of this process in a file."""
    from xoceansar.models.inference import runtime

    load = runtime._load_network

    def counted(*args):
        with log.open("a") as file:
            file.write("load\n")
        return load(*args)

    runtime._load_network = counted


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_each_worker_process_loads_once(tiny, tmp_path):
    log = tmp_path / "loads"
    block, incidence = vignettes(2), np.full(2, 36.0)
    expected = embed_block(block, incidence, handle=tiny).values
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=2, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.run(count_loads, log)
        futures = [
            client.submit(embed_block, block, incidence, handle=tiny, pure=False)
            for _ in range(50)
        ]
        outs = client.gather(futures)
        workers = {w for held in client.who_has(futures).values() for w in held}
    assert len(workers) == 2
    assert log.read_text().splitlines() == ["load", "load"]
    assert all(np.abs(out.values - expected).max() < 1e-5 for out in outs)
