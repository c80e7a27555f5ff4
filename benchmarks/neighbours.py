"""Exact search beside faiss' `IndexFlatIP`: same data, same threads, taking turns.

`python neighbours.py [ROWS] [QUERIES]`: 1,000,000 and 10,000 where not given.
"""

import os
import statistics
import sys
import time

import numpy as np
from _report import report

from xoceansar.neighbours.nearest import nearest

DIMS, K, TURNS = 384, 10, 3


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def isotropic(n: int, rng: np.random.Generator) -> np.ndarray:
    return unit(rng.standard_normal((n, DIMS), dtype=np.float32))


def clustered(n: int, rng: np.random.Generator) -> np.ndarray:
    """300 clusters around a common part, with most of the variance in some dims."""
    fixed = np.random.default_rng(0)
    centres = 0.6 * fixed.standard_normal((300, DIMS), dtype=np.float32)
    weight = np.arange(1, DIMS + 1, dtype=np.float32) ** -0.7
    turn = fixed.standard_normal((DIMS, DIMS), dtype=np.float32) / 10
    noise = 0.5 * rng.standard_normal((n, DIMS), dtype=np.float32)
    return unit(((centres[rng.integers(0, 300, n)] + noise) * weight) @ turn + 3)


def compare(name: str, rows: np.ndarray, queries: np.ndarray) -> None:
    import faiss
    from threadpoolctl import threadpool_limits

    threads = len(os.sched_getaffinity(0))
    index = faiss.IndexFlatIP(DIMS)
    index.add(rows)
    faiss.omp_set_num_threads(threads)
    nearest(queries[:64], [rows[:1000]], K)  # compiles
    seconds: list[tuple[float, float]] = []
    with threadpool_limits(threads):
        for _ in range(TURNS):
            start = time.perf_counter()
            expected, places = index.search(queries, K)
            middle = time.perf_counter()
            score, found = nearest(queries, [rows], K, metric="inner", threads=threads)
            seconds.append((middle - start, time.perf_counter() - middle))
    ratio = statistics.median(theirs / own for theirs, own in seconds)
    own = statistics.median(own for _, own in seconds)
    scale = 1e4 / len(queries) * 1e6 / len(rows)
    bar = ">= 2"
    report(f"search.{name}.speed", ratio, "times faiss IndexFlatIP", bar, ratio >= 2)
    report(f"search.{name}.seconds", own * scale, "s, to 10,000 in 1 M", "", None)
    same = float((found == places).mean())
    report(f"search.{name}.same_neighbours", same, "of faiss' own", "", None)
    # faiss adds in float32, so that scores of equal rank may differ by its rounding
    error = float(np.abs(score - expected).max())
    report(f"search.{name}.score", error, "largest difference", "< 1e-5", error < 1e-5)


def main() -> None:
    n, n_queries = (int(v) for v in (sys.argv[1:] or (1_000_000, 10_000)))
    rng = np.random.default_rng(1)
    for name, make in (("isotropic", isotropic), ("clustered", clustered)):
        compare(name, make(n, rng), make(n_queries, rng))


if __name__ == "__main__":
    main()
