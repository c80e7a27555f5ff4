"""Mutants of every kind of input, the same in each run: typed errors, flags, or true numbers.

The long run is ``make fuzz``; a failure of either is tried alone by ``python -m tests.fuzz --one``.
"""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.fuzz.kinds import KINDS
from tests.fuzz.outcomes import BAD, Outcome, try_one
from tests.fuzz.run import make_inputs

#: Mutants of a kind for each unit of its weight.
_EACH = 5


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Make the good inputs once."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("xsarsea")
    import dask

    threads = torch.get_num_threads()
    folder = tmp_path_factory.mktemp("base")
    with dask.config.set(scheduler="synchronous"):
        make_inputs(KINDS, folder)
        yield folder
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", KINDS)
def test_no_mutant_fails_without_words_or_passes_for_another(
    name, base, tmp_path_factory
):
    kind = KINDS[name](base, tmp_path_factory.mktemp(name))
    outcomes = set()

    @settings(
        max_examples=_EACH * kind.weight,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(seed=st.integers(0, 2**31))
    @example(seed=1)
    def check(seed):
        result = try_one(kind, seed)
        outcomes.add(result.outcome)
        assert result.outcome not in BAD, f"{name}:{seed} {result}"

    check()
    assert outcomes - {Outcome.UNCHANGED}, "nothing was mutated"
