"""No pattern takes quadratic time: a text of 20,000 line ends or spaces must not keep a processor for seconds."""

import importlib
import inspect
import json
import pkgutil
import re
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import builder
from builder.recipes.parsing import parse_reply
from builder.schema import Sample, task_messages
from builder.signals.defects import find_defects

RUNS = (
    *"\n\t \u30001aA[(<{`|#-*\"'“.。!中，\\_=/:：?+$",
    *(
        " \n",
        "\n ",
        "\r\n",
        "#\n",
        "a ",
        "a-",
        "a.",
        "0.",
        "1.",
        "- ",
        "<a",
        "**",
        "```\n",
        "<think>",
        "<b>",
        "a@",
        "//",
        "/*",
        "<!--",
        "return ",
        "a(",
    ),
)
SHORT, LONG = 1_000, 8_000
# CPU seconds for 1,000 characters: a pattern that is linear takes 0.1 ms, one that is quadratic 1 ms and more.
NOTICED, TOO_SLOW = 0.0005, 0.1
AT_ONCE = ("match", "fullmatch")


def patterns() -> Iterator[tuple[str, re.Pattern[str], bool]]:
    """Every compiled pattern of the package's modules: its name, itself, and whether it is only tried at one place."""
    for found in pkgutil.walk_packages(builder.__path__, "builder."):
        if not found.name.endswith("__main__"):
            module = importlib.import_module(found.name)
            for name, value in vars(module).items():
                for pattern in held(value):
                    yield f"{found.name}.{name}", pattern, tried_at_one_place(module, name)


def held(value: Any) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        yield value
    elif isinstance(value, dict):
        yield from held(list(value.values()))
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from held(item)


def tried_at_one_place(module: ModuleType, name: str) -> bool:
    uses = re.findall(rf"\b{name}(?:\[[^\]]*\])?\.(\w+)\(", inspect.getsource(module))
    return bool(uses) and all(use in AT_ONCE for use in uses)


def seconds(pattern: re.Pattern[str], text: str, *, once: bool) -> float:
    started = time.thread_time()  # other threads of the process do not count
    if once:
        pattern.match(text)
    else:
        for _ in pattern.finditer(text):
            pass
    return time.thread_time() - started


def grows(pattern: re.Pattern[str], run: str, *, once: bool) -> bool:
    """Whether the time over a run grows much faster than its length; the least of several tries, as others may run too."""
    short, long = (run * (size // len(run)) + "\x01" for size in (SHORT, LONG))
    if seconds(pattern, short, once=once) < NOTICED:
        return False
    before = min(seconds(pattern, short, once=once) for _ in range(3))
    limit = 3 * before * LONG / SHORT
    return before > NOTICED and (before > TOO_SLOW or all(seconds(pattern, long, once=once) > limit for _ in range(2)))


@pytest.mark.parametrize("pattern", [r"[ \t]*\n[ \t]*x", r"\s+$", r"\d+\.\d+x", r"(?:<b>)+?x|=+\s*=+x"])
def test_patterns_that_are_quadratic_are_found(pattern: str) -> None:
    assert any(grows(re.compile(pattern), run, once=False) for run in RUNS)


def seconds_to_read(run: str, size: int) -> float:
    """How long a reply and an answer take of which nearly all is blank."""
    blanks = run * (size // len(run))
    record = {"instruction": "Write a function." + blanks + "x", "input": "", "output": blanks + "y"}
    turns = task_messages("Write a Python function that sorts a list.", "", blanks + "y")
    answered = Sample(0, "t", turns, None, "en", "imported", "f")
    started = time.thread_time()
    (task,) = parse_reply(json.dumps({"tasks": [record]}), "stop").values
    assert task == record
    assert parse_reply(f"1. Instruction: x\n{blanks}", "stop").values == ()
    assert "missing_code" in [found.kind for found in find_defects(answered)]
    return time.thread_time() - started


@pytest.mark.parametrize("run", ["\n", "\u3000", "\n\u3000"])
def test_a_reply_and_an_answer_of_blanks_alone_take_as_long_as_they_are(run: str) -> None:
    seconds_to_read(run, SHORT)  # what is loaded when it is first needed is no part of it
    short, long = (min(seconds_to_read(run, size) for _ in range(3)) for size in (SHORT, LONG))
    assert long < 3 * short * LONG / SHORT


def test_no_pattern_takes_quadratic_time_over_any_run() -> None:
    seen: set[tuple[str, int, bool]] = set()
    slow = []
    for name, pattern, once in patterns():
        if (pattern.pattern, pattern.flags, once) in seen:
            continue
        seen.add((pattern.pattern, pattern.flags, once))
        for run in RUNS:
            if grows(pattern, run, once=once):
                slow.append((name, run))
    assert len(seen) > 400
    assert slow == []
