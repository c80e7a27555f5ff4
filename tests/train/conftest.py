import pytest


@pytest.fixture
def torch():
    """Return torch on one thread: on a busy machine barriers cost more than sums this small."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield torch
    torch.set_num_threads(before)
