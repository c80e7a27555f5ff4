"""A small archive with all that the page shows, and a client of its server."""

import http.client
import json
from types import SimpleNamespace
from urllib.parse import urlsplit

import numpy as np
import pytest
import xarray as xr

import xoceansar as xos

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


def archive_of(n=40, width=8, seed=0):
    """Vignettes of two kinds, with images, intervals, embeddings and hostile texts."""
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % 2
    images = np.zeros((n, 16, 16), "f4") + np.linspace(0, 1, 16, dtype="f4")
    centres = rng.normal(size=(2, width))
    vectors = centres[kind] + 0.3 * rng.normal(size=(n, width))
    beams = np.array(["wv1", "wv2"])[kind].astype(object)
    swh = 1 + np.arange(n) / 10
    return xr.Dataset(
        {
            "swh": ("vignette", swh, {"units": "m", "long_name": f"height {HOSTILE}"}),
            "swh_lower": ("vignette", swh - 0.5, {"units": "m"}),
            "swh_upper": ("vignette", swh + 0.5, {"units": "m"}),
            "quality": ("vignette", np.where(np.arange(n) == 3, 5, 0).astype("u1")),
            "ocean_class": (
                "vignette",
                np.where(np.arange(n) == 1, -1, kind).astype("i1"),
                {"flag_values": [0, 1], "flag_meanings": "pure_ocean_waves sea_ice"},
            ),
            "sigma0": (("vignette", "line", "sample"), images, {"units": "1"}),
            "embedding_vector": (("vignette", "embedding"), vectors.astype("f4")),
        },
        {
            "vignette_id": ("vignette", [f"v{i}-{HOSTILE}" for i in range(n)]),
            "time": (
                "vignette",
                np.datetime64("2021-01-01", "ns")
                + np.arange(n) * np.timedelta64(9, "D"),
            ),
            "longitude": ("vignette", np.linspace(-170, 530 - 360, n)),
            "latitude": ("vignette", np.linspace(-60, 60, n)),
            "beam": ("vignette", beams),
        },
        {"source": f"synthetic {HOSTILE}"},
    )


class Client:
    """A browser without eyes."""

    def __init__(self, explorer):
        parts = urlsplit(explorer.url)
        self.host, self.port, self.base = parts.hostname, parts.port, parts.path

    def ask(self, path="", *, body=None, base=None, headers=None):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        method = "GET" if body is None else "POST"
        where = self.base if base is None else base
        connection.request(method, where + path, body, headers or {})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return SimpleNamespace(
            status=answer.status, content=content, headers=dict(answer.getheaders())
        )

    def json(self, path, **how):
        answer = self.ask(path, **how)
        return json.loads(answer.content)

    def when_read(self, path):
        """Ask until the embeddings are read."""
        while (answer := self.ask(path)).status == 503:
            assert 0 <= json.loads(answer.content)["share"] <= 1
        return answer


@pytest.fixture
def archive():
    return archive_of()


@pytest.fixture
def explorer(archive, tmp_path):
    with xos.explore(archive, labels=tmp_path / "a.labels.jsonl") as opened:
        yield opened


@pytest.fixture
def client(explorer):
    return Client(explorer)
