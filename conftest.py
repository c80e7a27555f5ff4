"""What the examples in docstrings run in."""

import pytest


@pytest.fixture(autouse=True)
def _folder_of_an_example(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let an example write its files where nobody keeps any."""
    if isinstance(request.node, pytest.DoctestItem):
        monkeypatch.chdir(request.getfixturevalue("tmp_path"))
