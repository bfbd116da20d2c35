"""Tokens of the requests that a build will make: as the ledger measured them, else assumed from the texts.

alpaca, step 0    1,640 prompt tokens as its prompts are built now, 512 reply tokens as its replies were
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from builder.config import Settings
from builder.generation.pool import Pool
from builder.pipeline.pilot import PilotJob
from builder.pipeline.trend import Rates
from builder.recipes import RECIPES
from builder.recipes.recipe import Ask, Piece, Task, as_json
from builder.requests.spending import Usage

_SAMPLED = 32  # requests built to measure prompts
# Tokens a character. English: 0.25 to 0.33 (OpenAI's rule of thumb of 4 characters a token, DeepSeek's of 0.3 tokens a
# character). Chinese: 0.55 (Qwen: 1.5 to 1.8 characters a token) to 1.2 (tokenizers made before 2024 for English).
_TOKENS_PER_ASCII = {"low": 0.25, "likely": 0.28, "high": 0.33}
_TOKENS_PER_OTHER = {"low": 0.55, "likely": 0.7, "high": 1.2}
# Length of a reply against as many seed tasks.
_REPLY_LENGTH = {"low": 0.7, "likely": 1.0, "high": 2.0}
# A request after a job's first: tokens of its directions, and its reply's length against the first one's.
_DIRECTIONS = 250
_LATER_REPLY = 0.5


def first_prompts(
    settings: Settings, seeds: Sequence[Task], grown: Sequence[Task], pieces: Mapping[str, Sequence[Piece]]
) -> dict[str, list[str]]:
    """The prompts, by recipe, of the first requests of jobs that are built from these seeds and grown tasks."""
    pool = Pool(settings, seeds, pieces)
    pool.add_admitted(grown)
    prompts: dict[str, list[str]] = {}
    for number in range(settings.growth.window, settings.growth.window + _SAMPLED):
        job = pool.build(number)
        pool.add_admitted(())  # with `ordered`, a job sees the pool as it was a window of jobs ago
        step = RECIPES[job.recipe].proceed(job, [])
        if isinstance(step, Ask):
            prompts.setdefault(job.recipe, []).append("".join(message["content"] for message in step.messages))
    return prompts


@dataclass(frozen=True, slots=True)
class RequestCount:
    """Requests, and tokens of their prompts and replies."""

    requests: float = 0
    prompt: float = 0
    completion: float = 0


class RequestTokens:
    """Tokens of the requests of a job, by recipe and step: as measured, else assumed.

    Args:
        usage: empty where nothing is measured.
    """

    def __init__(
        self,
        settings: Settings,
        seeds: Sequence[Task],
        prompts: Mapping[str, Sequence[str]],
        usage: Sequence[Usage],
        jobs: Sequence[PilotJob],
        bound: str,
    ) -> None:
        self._settings = settings
        self._used: dict[tuple[str, int], list[tuple[float, float]]] = {}
        for one in usage:
            tokens = (
                one.prompt_tokens + one.unknown_prompt_tokens,
                one.completion_tokens + one.unknown_completion_tokens,
            )
            self._used.setdefault((one.recipe, one.step), []).append(tokens)
        per_byte = tokens_per_byte(usage) if usage else 0.0
        self._first = {
            recipe: sum(len(text.encode()) for text in texts) / len(texts) * per_byte
            if usage
            else mean_tokens(texts, bound)
            for recipe, texts in prompts.items()
        }
        if usage:
            candidates = sum(job.candidates for job in jobs)
            first = sum(completion for (_, step), all_ in self._used.items() if not step for _, completion in all_)
            self._a_row = first / max(1, candidates)
        else:
            self._a_row = mean_tokens([str(dict(as_json(task))) for task in seeds], bound) * _REPLY_LENGTH[bound]

    def of(
        self,
        new: Mapping[str, float],
        rates: Mapping[str, Rates],
        begun: Mapping[str, Sequence[tuple[int, float]]],
    ) -> RequestCount:
        """All requests that new jobs and unfinished ones still take."""
        requests = prompt = completion = 0.0
        for recipe in {*new, *begun}:
            wholes = [(0.0, rates[recipe].requests, new[recipe])] if recipe in new else []
            for start, end, jobs in [*wholes, *((made, end, 1.0) for made, end in begun.get(recipe, ()))]:
                for step in range(int(start), math.ceil(end)):
                    share = jobs * min(1.0, end - step)
                    asked, answered = self._at(recipe, step)
                    requests += share
                    prompt += share * asked
                    completion += share * answered
        return RequestCount(requests, prompt, completion)

    def _at(self, recipe: str, step: int) -> tuple[float, float]:
        """Mean tokens of a step's prompt and reply; those of the last step before it that is known, where there is one."""
        known = next((at for at in range(step, -1, -1) if (at > 0 or step == 0) and (recipe, at) in self._used), None)
        if known is None:
            reply = min(
                self._a_row * RECIPES[recipe].expected_rows(self._settings.growth), self._settings.teacher.max_tokens
            )
            # A later request shows what it is about, and its reply says less.
            return (self._first.get(recipe, 0.0), reply) if step == 0 else (reply + _DIRECTIONS, reply * _LATER_REPLY)
        used = self._used[recipe, known]
        prompt = sum(prompt for prompt, _ in used) / len(used)
        return (
            self._first.get(recipe, prompt) if step == 0 else prompt,
            sum(completion for _, completion in used) / len(used),
        )


def mean_tokens(texts: Sequence[str], bound: str) -> float:
    """Mean tokens of a text by its scripts."""
    ascii_only = sum(len(text.encode("ascii", "ignore")) for text in texts)
    others = sum(map(len, texts)) - ascii_only
    tokens = ascii_only * _TOKENS_PER_ASCII[bound] + others * _TOKENS_PER_OTHER[bound]
    return max(tokens / max(1, len(texts)), 1.0)


def tokens_per_byte(usage: Sequence[Usage]) -> float:
    """Tokens for each UTF-8 byte of the prompts that were counted."""
    counted = [one for one in usage if one.prompt_tokens and not one.unstated]
    return sum(one.prompt_tokens for one in counted) / max(1, sum(one.prompt_bytes * one.usable for one in counted))
