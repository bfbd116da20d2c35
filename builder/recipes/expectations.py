"""What one job of a recipe asks for and takes, before anything of it is measured.

alpaca, 8 tasks a request       1 request,  8 candidates
self_instruct                   4 requests, 8 candidates
evolve, agreement of 3 samples  4 requests, 1 candidate
"""

from builder.config import Checks, Growth

# Self-Instruct: instructions, which of them are classification, and one request for each of the two kinds.
_REQUESTS = {"self_instruct": 4, "procedural": 0}
_ONE_TASK = frozenset({"evolve", "dialogue"})
_ONE_INSTANCE = frozenset({"dialogue", "documents"})


def asked_tasks(recipe: str, growth: Growth) -> int:
    """How many tasks one job asks for."""
    if recipe == "phrasings":
        return growth.phrasings_per_task
    return 1 if recipe in _ONE_TASK else growth.tasks_per_request


def expected_rows(recipe: str, growth: Growth) -> int:
    """Candidates of one job whose replies are as they should be: an instance of a task each."""
    return asked_tasks(recipe, growth) * (1 if recipe in _ONE_INSTANCE else growth.instances_per_task)


def own_requests(recipe: str) -> int:
    """Requests that read a job's candidates."""
    return _REQUESTS.get(recipe, 1)


def check_requests(recipe: str, checks: Checks, growth: Growth, *, passing: float) -> float:
    """Requests that check a job's candidates, all of them at once, where they bring no answer key along.

    Args:
        passing: share of the answers that pass; where one of a job does not, `repair` rewrites it and it is judged again.
    """
    if recipe == "procedural":  # its tasks have keys
        return 0
    judge = int(checks.judge.enabled)
    failing = 1 - passing ** expected_rows(recipe, growth)
    return checks.agreement.samples + judge + (failing * (1 + judge) if checks.repair else 0)
