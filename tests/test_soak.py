"""Builds killed with SIGKILL at random points; `benchmarks/soak.py` does the same 200 times."""

import random
from pathlib import Path

import pytest

from benchmarks.soak import soak


@pytest.mark.timeout(400)
@pytest.mark.parametrize("ordered", [True, False])
def test_ten_kills_lose_nothing_and_buy_nothing_twice(tmp_path: Path, ordered: bool) -> None:
    result = soak(tmp_path, 10, ordered=ordered, rng=random.Random(f"test/{ordered}"))
    assert sum(result.kills.values()) == 10
    assert result.received <= result.served <= result.sent
    assert result.bought_again == 0
    assert result.same_rows
    assert result.problems == 0
