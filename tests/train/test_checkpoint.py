"""Checkpoints are whole or absent, and the newest readable one is used."""

import warnings

import pytest
import torch

from xoceansar.errors import OceansarWarning, TrainingError
from xoceansar.train.pretraining import checkpoint_files
from xoceansar.train.pretraining.checkpoint_files import (
    checkpoints,
    load_checkpoint,
    save_checkpoint,
)


def state(value):
    return {"step": value, "weights": torch.full((3,), float(value))}


def test_nothing_there_is_nothing_to_load(tmp_path):
    assert load_checkpoint(tmp_path / "absent") is None
    assert load_checkpoint(tmp_path) is None


def test_newest_is_loaded_and_the_oldest_go(tmp_path):
    for step in (9, 10, 100, 11):
        save_checkpoint(tmp_path, step, state(step), keep=2)
    # 11 is older than 100 by its step, whatever the order of writing
    assert [p.name for p in checkpoints(tmp_path)] == [
        "step-000000011.pt",
        "step-000000100.pt",
    ]
    loaded = load_checkpoint(tmp_path)
    assert loaded["step"] == 100
    assert torch.equal(loaded["weights"], torch.full((3,), 100.0))


def test_a_process_killed_while_writing_leaves_the_one_before(tmp_path, monkeypatch):
    save_checkpoint(tmp_path, 1, state(1), keep=2)

    def half(_, file):
        file.write(b"PK\x03\x04 half of a checkpoint")
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint_files.torch, "save", half)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(tmp_path, 2, state(2), keep=1)
    monkeypatch.undo()
    assert load_checkpoint(tmp_path)["step"] == 1
    save_checkpoint(tmp_path, 3, state(3), keep=1)
    assert [p.name for p in tmp_path.iterdir()] == ["step-000000003.pt"]


def test_a_damaged_file_is_passed_over_with_a_warning(tmp_path):
    save_checkpoint(tmp_path, 1, state(1), keep=2)
    newest = save_checkpoint(tmp_path, 2, state(2), keep=2)
    newest.write_bytes(newest.read_bytes()[:-200])
    with pytest.warns(OceansarWarning, match="step-000000002.pt cannot be read"):
        assert load_checkpoint(tmp_path)["step"] == 1
    for path in checkpoints(tmp_path):
        path.write_bytes(b"")
    with (
        pytest.warns(OceansarWarning),
        pytest.raises(TrainingError, match="none of the 2"),
    ):
        load_checkpoint(tmp_path)


def test_any_flipped_byte_is_told_or_changes_nothing(tmp_path):
    path = save_checkpoint(tmp_path, 1, state(1), keep=1)
    content = path.read_bytes()
    told = 0
    weights = content.index(torch.full((3,), 1.0).numpy().tobytes())
    for at in {*range(0, len(content), 7), *range(weights, weights + 12)}:
        flipped = bytearray(content)
        flipped[at] ^= 0x10
        path.write_bytes(flipped)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OceansarWarning)
            try:
                loaded = load_checkpoint(tmp_path)
            except TrainingError:
                told += 1
                continue
        assert not weights <= at < weights + 12
        assert loaded["step"] == 1
        assert torch.equal(loaded["weights"], torch.full((3,), 1.0))
    assert told > 12


def test_a_flipped_byte_uses_the_checkpoint_before_and_says_so(tmp_path):
    save_checkpoint(tmp_path, 1, state(1), keep=2)
    newest = save_checkpoint(tmp_path, 2, state(2), keep=2)
    content = newest.read_bytes()
    value = torch.full((3,), 2.0).numpy().tobytes()
    newest.write_bytes(content.replace(value, value[:-1] + b"\x41"))
    assert newest.read_bytes() != content
    with pytest.warns(OceansarWarning, match="is damaged.*CRC-32"):
        assert load_checkpoint(tmp_path)["step"] == 1


def test_a_checkpoint_that_is_no_state_is_passed_over(tmp_path):
    save_checkpoint(tmp_path, 1, state(1), keep=2)
    torch.save([1, 2], tmp_path / "step-000000002.pt")
    with pytest.warns(OceansarWarning, match="holds no state"):
        assert load_checkpoint(tmp_path)["step"] == 1
