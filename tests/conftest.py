"""What holds for all tests: a core for each worker, what was compiled is kept, and who runs what and when."""

import os
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from builder.errors import SeedbedError
from builder.language.chinese import left_in_english
from tests.command import Seedbed

for _name in ("LC_ALL", "LC_MESSAGES", "LANG"):
    if os.environ.get(_name, "").lower().startswith("zh"):
        os.environ[_name] = "C.UTF-8"  # commands of the tests speak English, unless a test says otherwise
if "PYTEST_XDIST_WORKER" in os.environ:
    # With two threads in each of two workers on two cores, training takes six times as long.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# Read where the hub's client is imported, by whichever test is first.
os.environ["HF_HUB_DISABLE_XET"] = os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
# Else each worker rewrites all tests anew, and each process that a test starts compiles the whole of `builder`.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# On a machine that does something else too, any example may take longer than the 200 ms that Hypothesis grants it.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# What these prepare for all their tests takes seconds: one worker does it, and has it.
TOGETHER = {
    *("tests/builder/test_budget.py", "tests/builder/test_estimating.py", "tests/builder/test_ray.py"),
    *("tests/builder/test_rebuilding.py", "tests/trainer/test_sft.py"),
}


# Messages that were looked up before; and what an endpoint answers, which stays in its own words.
MESSAGES: set[str] = set()
ENDPOINT_SAID = re.compile(r"\(.+\): \d{3}\b")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Each test by itself, but for those that stay together and come first; xdist's groups are lost on pytest 9.2."""
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return file if file in TOGETHER else nodeid

    return Together(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with a time limit of their own come first: no worker is left with a long one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("timeout") is None)


@pytest.fixture(autouse=True)
def messages_have_chinese(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No error is raised, in whatever test, that the catalogue of Chinese messages lacks."""
    lacking: list[str] = []
    made = SeedbedError.__init__

    def noted(error: SeedbedError, message: str, remedy: str = "") -> None:
        made(error, message, remedy)
        for text in {message, remedy} - MESSAGES:
            MESSAGES.add(text)
            lacking.extend(line for line in left_in_english(text) if not ENDPOINT_SAID.search(line))

    monkeypatch.setattr(SeedbedError, "__init__", noted)
    yield
    assert lacking == []


@pytest.fixture
def seedbed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Seedbed:
    """The `seedbed` command, as a function of its arguments."""
    return Seedbed(monkeypatch, capsys)
