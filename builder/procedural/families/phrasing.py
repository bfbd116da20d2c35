"""Instructions from chains of operations, and back.

    (numbers_even, numbers_sum), "the lap times of the runners"
        <-> "Given the lap times of the runners, first keep only the even ones among these numbers, then total the result."

Reading back tries every opening and connective that fits, keeps the readings whose steps all are phrasings and whose kinds
fit, and answers only if exactly one is left.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from builder.procedural.families.operation import AnyKind, AnyOperation, Language, Wording, wording
from builder.text import detect_language

_OPENINGS = wording(
    en="given {x}, | take {x} and | working from {x}, | the input holds {x}. | you are handed {x}. | look at {x}: | "
    "starting with {x}, | someone sends you {x}; | on receiving {x},",
    zh="给定{x}， | 下面给出{x}， | 输入是{x}。 | 拿到{x}后， | 请看{x}： | 针对{x}， | 有人发来{x}， | 手头有{x}，",
)
_COURTESY = Wording(zh=("", "请你"), en=("", "please "))
_STOP: dict[Language, str] = {"zh": "。", "en": "."}

# By depth: what stands before the first step and between the steps.
_CONNECTIVES: dict[int, dict[Language, tuple[tuple[str, ...], ...]]] = {
    1: {"en": (("",),), "zh": (("",),)},
    2: {
        "en": (
            ("first ", ", then "),
            ("", ", and after that "),
            ("", ". Now "),
            ("step 1: ", "; step 2: "),
            ("begin like this: ", "; once done, "),
            ("", "; next, "),
            ("do two things in turn: (1) ", "; (2) "),
        ),
        "zh": (
            ("先", "，再"),
            ("首先", "，然后"),
            ("", "，接着"),
            ("第一步，", "；第二步，"),
            ("", "。完成后，"),
            ("依次做两件事：一、", "；二、"),
            ("", "，随后"),
        ),
    },
    3: {
        "en": (
            ("first ", ", then ", ", and finally "),
            ("", ". After that, ", ". To finish, "),
            ("step 1: ", "; step 2: ", "; step 3: "),
            ("begin like this: ", "; once done, ", "; at the end, "),
            ("", ". Now ", ". Last of all, "),
            ("", "; next, ", "; lastly, "),
            ("work in this order: (1) ", "; (2) ", "; (3) "),
        ),
        "zh": (
            ("先", "，再", "，最后"),
            ("首先", "，然后", "，末了"),
            ("第一步，", "；第二步，", "；第三步，"),
            ("", "，接着", "，最终"),
            ("依次做三件事：一、", "；二、", "；三、"),
            ("", "。完成后，", "。最后，"),
            ("分三步来：", "；随后", "；收尾时"),
        ),
    },
}
MAX_DEPTH = max(_CONNECTIVES)
# Half of the longer instructions name the input first and then say "these numbers"; the others name it where it is used.
_OPENING_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Reading:
    """An instruction taken apart: its language, its operations in order, and its theme."""

    language: Language
    chain: tuple[AnyOperation, ...]
    theme: str


def phrase(
    chain: Sequence[AnyOperation], rng: random.Random, language: Language, *, small: bool, theme: str | None = None
) -> str:
    """Word a chain as an instruction, with a theme and phrasings drawn from `rng`.

    Args:
        chain: operations whose kinds fit, at most `MAX_DEPTH` of them.
        small: whether short openings are wanted, for the learnable tier.
        theme: one of the first operation's, or None to draw it.
    """
    connective = rng.choice(_CONNECTIVES[len(chain)][language])
    if theme is None:
        theme = rng.choice(chain[0].input.themes.of(language))
    opening = ""
    subjects = [theme]
    if rng.random() < _OPENING_SHARE:
        opening = rng.choice(_openings(language)[: 3 if small else None]).replace("{x}", theme)
        subjects = [rng.choice(chain[0].input.given.of(language))]
    elif not small and not connective[0]:
        opening = rng.choice(_COURTESY.of(language))
    subjects += [rng.choice(operation.output.result.of(language)) for operation in chain[:-1]]
    body = ""
    for link, operation, subject in zip(connective, chain, subjects, strict=True):
        body += link + rng.choice(operation.phrasings.of(language)).replace("{x}", subject)
    if opening.endswith((". ", "。")):
        body = body[0].upper() + body[1:]
    text = opening + body + _STOP[language]
    return text[0].upper() + text[1:]


def read(instruction: str, operations: tuple[AnyOperation, ...]) -> Reading | None:
    """Take an instruction apart that `phrase` made; None where it made no such one, or the reading is not unique."""
    language: Language = "zh" if detect_language(instruction) == "zh" else "en"
    text = instruction.strip()
    if not text.endswith(_STOP[language]):
        return None
    phrasings = _Phrasings.of(operations, language)
    readings = set(phrasings.readings(text[: -len(_STOP[language])].casefold()))
    return readings.pop() if len(readings) == 1 else None


@cache
def _openings(language: Language) -> tuple[str, ...]:
    """Openings ready to stand before a body: Chinese needs no space."""
    return tuple(opening + (" " if language == "en" else "") for opening in _OPENINGS.of(language))


class _Phrasings:
    """The wordings of a set of operations in one language, case folded and indexed for reading."""

    def __init__(self, operations: tuple[AnyOperation, ...], language: Language) -> None:
        self._language = language
        self._steps: list[tuple[str, str, AnyOperation]] = []
        self._themes: dict[str, tuple[str, AnyKind]] = {}
        for operation in operations:
            for phrasing in operation.phrasings.of(language):
                before, after = phrasing.casefold().split("{x}")
                self._steps.append((before, after, operation))
            for theme in operation.input.themes.of(language):
                self._themes[theme.casefold()] = (theme, operation.input)

    @staticmethod
    @cache
    def of(operations: tuple[AnyOperation, ...], language: Language) -> "_Phrasings":
        return _Phrasings(operations, language)

    def readings(self, text: str) -> Iterator[Reading]:
        """Every way to understand an instruction without its full stop, case folded."""
        for theme, kind, body in self._opened(text):
            for steps in self._step_texts(body):
                for chain in self._chains(steps, kind, tuple(map(str.casefold, kind.given.of(self._language)))):
                    yield Reading(self._language, chain, theme)
        for courtesy in _COURTESY.of(self._language):
            if text.startswith(courtesy):
                for steps in self._step_texts(text.removeprefix(courtesy)):
                    yield from self._themed(steps)

    def _opened(self, text: str) -> Iterator[tuple[str, AnyKind, str]]:
        for opening in _openings(self._language):
            before, after = opening.split("{x}")
            if not text.startswith(before):
                continue
            end = text.find(after, len(before))
            while end != -1:
                if named := self._themes.get(text[len(before) : end]):
                    yield *named, text[end + len(after) :]
                end = text.find(after, end + 1)

    def _themed(self, steps: tuple[str, ...]) -> Iterator[Reading]:
        for operation, subject in self._step(steps[0]):
            theme, kind = self._themes.get(subject, ("", None))
            if kind is operation.input:
                for chain in self._chains(steps, kind, (subject,)):
                    yield Reading(self._language, chain, theme)

    def _step_texts(self, body: str) -> Iterator[tuple[str, ...]]:
        for styles in _CONNECTIVES.values():
            for style in styles[self._language]:
                first, *rest = map(str.casefold, style)
                if body.startswith(first):
                    yield from _splits(body.removeprefix(first), tuple(rest))

    def _chains(
        self, steps: tuple[str, ...], kind: AnyKind, subjects: tuple[str, ...]
    ) -> Iterator[tuple[AnyOperation, ...]]:
        if not steps:
            yield ()
            return
        for operation, subject in self._step(steps[0]):
            if operation.input is kind and subject in subjects:
                results = tuple(map(str.casefold, operation.output.result.of(self._language)))
                for rest in self._chains(steps[1:], operation.output, results):
                    yield operation, *rest

    def _step(self, text: str) -> Iterator[tuple[AnyOperation, str]]:
        for before, after, operation in self._steps:
            if len(text) > len(before) + len(after) and text.startswith(before) and text.endswith(after):
                yield operation, text[len(before) : len(text) - len(after)]


def _splits(text: str, links: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Every way to cut a text at the links in their order."""
    if not links:
        yield (text,)
        return
    at = text.find(links[0])
    while at != -1:
        for rest in _splits(text[at + len(links[0]) :], links[1:]):
            yield text[:at], *rest
        at = text.find(links[0], at + 1)
