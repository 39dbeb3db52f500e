"""A home folder has one stack at a time, and a stack that is gone leaves nobody else to be stopped."""

import os
from pathlib import Path

import pytest

from local.occupancy import Occupied, occupant, occupied


def test_second_stack_in_a_home_is_told_who_holds_it(tmp_path: Path) -> None:
    with occupied(tmp_path):
        assert occupant(tmp_path) == os.getpid()
        with pytest.raises(Occupied, match=str(os.getpid())), occupied(tmp_path):
            pass
    with occupied(tmp_path):
        pass


def test_process_number_left_by_a_crash_names_nobody(tmp_path: Path) -> None:
    assert occupant(tmp_path) is None
    (tmp_path / "up.pid").write_text(str(os.getpid()))
    assert occupant(tmp_path) is None
