"""Items of reasoning-gym (Open Thought, Apache-2.0), each with a reference answer that its family's own check scores 1.0.

    draw("gcd", 7)  →  Item("Find the Greatest Common Divisor (GCD) of these numbers: 534, 178. …", "178", {"numbers": [534, 178]})

The package is the extra `reasoning`; nothing of it is imported before an item is drawn.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from builder.errors import UsageError
from builder.language.messages import worded

# Reference answers that are not in the form that the question asks for; the form is scored like any other answer.
_AS_ASKED: Mapping[str, Callable[[str], str]] = {"power_function": lambda answer: f"{float(answer):.2e}"}


@dataclass(frozen=True, slots=True)
class Item:
    """One question with its reference answer and what the family says about it."""

    question: str
    answer: str
    metadata: Mapping[str, Any]


def draw(name: str, number: int) -> Item | None:
    """Item `number` of a family, the same in every process; None where its reference answer does not score 1.0.

    Args:
        name: a family of the package.
        number: from 0 to 2³¹ - 1.

    Raises:
        UsageError: the extra `reasoning` is not installed.
    """
    dataset = _open(name)
    try:
        item = dataset[number]
    except IndexError:
        # Families that make all their items when they are opened.
        dataset = _create(name, number)
        item = dataset[0]
    answer = item["answer"]
    if isinstance(answer, str) and name in _AS_ASKED:
        answer = _AS_ASKED[name](answer)
    if not isinstance(answer, str) or not answer or dataset.score_answer(answer, item) != 1.0:
        return None
    return Item(item["question"], answer, item["metadata"])


def draw_any(name: str, rng: random.Random) -> Item | None:
    """An item that the random source picks."""
    return draw(name, rng.randrange(2**31))


# Bounded by the catalogue: word lists are read once for each family.
@cache
def _open(name: str) -> Any:
    return _create(name, 0)


def _create(name: str, seed: int) -> Any:
    try:
        import reasoning_gym
    except ImportError as error:
        raise UsageError(
            worded(
                "growth.procedural: tasks of reasoning-gym need the package, but {name} is not installed",
                name=error.name,
            ),
            worded('Install the extra: pip install "seedbed[reasoning]", or set growth.procedural: families.'),
        ) from error
    return reasoning_gym.create_dataset(name, size=1, seed=seed)
