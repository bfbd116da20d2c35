"""How the embedded teacher misbehaves on request, so that every defence is tried against the real protocol.

A fault is decided by hashes alone: the same request bodies in the same numbers meet the same faults in every run.
"""

import hashlib
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, fields

from builder.errors import UsageError, nearest
from builder.language.messages import worded

# The command line's names where they are not the field's own.
_ALIASES = {"429": "rate_429", "500": "rate_500"}
_SECONDS = frozenset({"retry_after", "slow_seconds", "latency", "batch_seconds"})
# Longer than any client waits.
_LONGEST = 3600
# Every third attempt of one body is served, so that transient faults never strike it more than twice in a row.
_SERVED_EVERY = 3


@dataclass(frozen=True, slots=True)
class Faults:
    """Rates in [0, 1] of what goes wrong, and how long delays last. All default to none.

    Attributes:
        rate_429: transient; status 429 with `Retry-After: retry_after`.
        retry_after: seconds.
        rate_500: transient; status 500.
        html: transient; status 200 with an HTML page.
        slow: transient; a good reply after `slow_seconds`.
        slow_seconds: seconds.
        empty_choices: transient; status 200 with `"choices": []`.
        error_body: transient; status 200 with `{"error": …}`.
        cut: a property of the reply; its content ends early with finish_reason `length`, on every attempt.
        malformed: a property of the reply; its content is damaged JSON, on every attempt.
        wrong: a property of the task; its outputs are wrong, and do not pass their key.
        unkeyed: a property of the task; it comes without answer keys, as a language model's tasks do.
        slips: a property of an answer or a mark in a check reply; it is wrong.
        latency: seconds before every reply.
        batch_seconds: how long a batch takes.
        batch_failed: a property of the batch; it fails as a whole, and nothing is answered.
        batch_expired: a property of the batch; it expires with every second line unanswered.
        batch_error: a property of the line; its answer is status 500, in the error file.

    Raises:
        UsageError: a rate outside [0, 1], transient rates that add up to more than 1, or a delay of more than an hour.
    """

    rate_429: float = 0.0
    retry_after: float = 1.0
    rate_500: float = 0.0
    html: float = 0.0
    slow: float = 0.0
    slow_seconds: float = 2.0
    empty_choices: float = 0.0
    error_body: float = 0.0
    cut: float = 0.0
    malformed: float = 0.0
    wrong: float = 0.0
    unkeyed: float = 0.0
    slips: float = 0.0
    latency: float = 0.0
    batch_seconds: float = 0.0
    batch_failed: float = 0.0
    batch_expired: float = 0.0
    batch_error: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value <= (_LONGEST if field.name in _SECONDS else 1):
                allowed = f"seconds from 0 to {_LONGEST}" if field.name in _SECONDS else "a rate from 0 to 1"
                raise UsageError(
                    worded(
                        "fault '{name}' is {value}, expected {allowed}", name=field.name, value=value, allowed=allowed
                    )
                )
        total = sum(rate for _, rate in self._transient())
        if total > 1 + 1e-9:
            raise UsageError(
                worded("the rates of transient faults add up to {total:g}, expected at most 1", total=total)
            )

    @classmethod
    def parse(cls, text: str) -> "Faults":
        """Read the command line's form, such as `429=0.2,500=0.1,cut=0.05,retry_after=0.5`; empty means no faults.

        Raises:
            UsageError: an unknown name, a value that is no number, or one out of range.
        """
        names = {field.name for field in fields(cls)} - set(_ALIASES.values()) | set(_ALIASES)
        values: dict[str, float] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = (piece.strip() for piece in part.partition("="))
            known = name in names or name in _ALIASES.values()
            if not known:
                raise UsageError(
                    worded("unknown fault {name!r}{nearest}", name=name, nearest=nearest(name, names)),
                    worded("use: {names}", names=", ".join(sorted(names))),
                )
            try:
                values[_ALIASES.get(name, name)] = float(value)
            except ValueError:
                raise UsageError(
                    worded("fault '{name}' is {value!r}, expected a number such as {name}=0.1", name=name, value=value)
                ) from None
        return cls(**values)

    def strike(self, body_hash: str, attempt: int) -> str | None:
        """Which transient fault strikes, by its field's name, or None.

        Args:
            body_hash: the hash of the request body.
            attempt: how often this body has been received, from 1.
        """
        if attempt % _SERVED_EVERY == 0:
            return None
        share = unit(body_hash, f"attempt {attempt}")
        for name, rate in self._transient():
            if share < rate:
                return name
            share -= rate
        return None

    def cuts(self, body_hash: str) -> bool:
        return unit(body_hash, "cut") < self.cut

    def damages(self, body_hash: str) -> bool:
        return unit(body_hash, "malformed") < self.malformed

    def _transient(self) -> tuple[tuple[str, float], ...]:
        names = ("rate_429", "rate_500", "html", "slow", "empty_choices", "error_body")
        return tuple((name, getattr(self, name)) for name in names)


def unit(body_hash: str, purpose: str) -> float:
    """A number in [0, 1) that depends on a request and a purpose alone."""
    return int(hashlib.sha256(f"{purpose}/{body_hash}".encode()).hexdigest()[:13], 16) / 16**13


def _without_end(text: str, rng: random.Random) -> str:
    return text[: rng.randint(len(text) // 2, len(text) - 1)]


def _single_quoted(text: str, rng: random.Random) -> str:
    return text.replace('"', "'")


def _comma_dropped(text: str, rng: random.Random) -> str:
    at = text.find(", ", rng.randrange(len(text)))
    return text.replace(", ", " ", 1) if at < 0 else text[:at] + text[at + 1 :]


def _comma_added(text: str, rng: random.Random) -> str:
    return text.replace("}", ",}", 1) if "}" in text else text + ","


def _raw_newline(text: str, rng: random.Random) -> str:
    at = text.find('"', rng.randrange(len(text)))
    return text[: at + 1] + "\n" + text[at + 1 :]


def _chatter(text: str, rng: random.Random) -> str:
    return f"Here are the tasks you asked for:\n```json\n{text}\n```\nLet me know if you need more."


def _python_words(text: str, rng: random.Random) -> str:
    return text.replace("true", "True").replace("false", "False").replace("null", "None").replace('"', "'", 2)


def _doubled_brace(text: str, rng: random.Random) -> str:
    return "{" + text


_DAMAGES: tuple[Callable[[str, random.Random], str], ...] = (
    _without_end,
    _single_quoted,
    _comma_dropped,
    _comma_added,
    _raw_newline,
    _chatter,
    _python_words,
    _doubled_brace,
)


def damage(text: str, rng: random.Random) -> str:
    """Break a JSON text in one of the ways that language models do; some can be repaired, some cannot."""
    if not text:
        return "{"
    damaged = rng.choice(_DAMAGES)(text, rng)
    return damaged if not _is_json(damaged) else text[:-1]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
