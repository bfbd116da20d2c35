"""Right answers: what checks find, what they let pass, what they cost, and that a killed job buys none of them again."""

import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder import pipeline
from builder.config import Checks
from builder.errors import BudgetReachedError
from builder.generation.checking import checked
from builder.procedural.families import answer
from builder.procedural.teacher.embedded import create_app
from builder.procedural.teacher.faults import Faults
from builder.procedural.teacher.grading import answer_check
from builder.procedural.teacher.lessons import compose_reply
from builder.procedural.teacher.mistakes import spoil
from builder.progress import Reporter
from builder.recipes.alpaca import ALPACA
from builder.recipes.checks.agreeing import same_answer
from builder.recipes.checks.judging import ask_judge, read_marks
from builder.recipes.checks.question import Question, as_lines, read_answers
from builder.recipes.recipe import Ask, Draft, Instance, Job, Needs, Reading, Recipe, Task
from builder.requests.sender import Completion
from builder.schema import Message, Sample, conversation_id, task_messages
from builder.settings_file import load_settings
from builder.store.dataset_folder import DatasetFolder
from builder.text import detect_language
from tests.builder.references import FEW_SEEDS
from tests.endpoint import Answer, completion, scripted, serving

QUIET = Reporter(quiet=True)
BASE = (
    *("growth.tasks_per_request=6", "growth.window=8", "teacher.concurrency=4", "split.min_validation_rows=0"),
    FEW_SEEDS,
)
AGREEMENT = "checks.agreement.samples=5"
JUDGE = "checks.judge.enabled=true"
REPAIR = "checks.repair=true"


def faults(text: str) -> str:
    return f"teacher.faults={json.dumps(text)}"


def build(root: Path, *overrides: str) -> pipeline.Outcome:
    return pipeline.build(load_settings(None, [*BASE, *overrides], {}), root, QUIET, {})


def grown(root: Path) -> list[Sample]:
    return [sample for sample in DatasetFolder(root).iter_samples() if sample.origin == "generated"]


def is_right(instruction: str, given: str, output: str) -> bool:
    return answer(instruction, given) == output


def right_rows(root: Path) -> list[bool]:
    return [is_right(s.instruction or "", s.input or "", s.answer) for s in grown(root)]


def rejected(root: Path, *reasons: str) -> list[dict[str, str]]:
    records = DatasetFolder(root).rejections_table().to_pylist()
    return [json.loads(record["text"]) for record in records if record["reason"] in reasons]


def closes(report: Any) -> bool:
    candidates = report["candidates"]
    return bool(candidates["total"] == candidates["admitted"] + sum(candidates["by_reason"].values()))


def ledger(root: Path, query: str) -> list[Any]:
    connection = sqlite3.connect(root / "ledger.sqlite")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


# What the checks find


def test_the_answer_key_alone_finds_every_wrong_answer_that_carries_one(tmp_path: Path) -> None:
    outcome = build(tmp_path / "d", "target=60", faults("wrong=0.3"))
    wrong = rejected(tmp_path / "d", "wrong_answer")
    assert all(right_rows(tmp_path / "d"))
    assert not any(is_right(w["instruction"], w["input"], w["output"]) for w in wrong)
    assert 0.2 < len(wrong) / outcome.report["candidates"]["total"] < 0.4
    assert outcome.report["checks"] is None


def test_without_keys_and_checks_wrong_answers_come_through(tmp_path: Path) -> None:
    build(tmp_path / "d", "target=60", faults("wrong=0.3,unkeyed=1"))
    assert 0.2 < right_rows(tmp_path / "d").count(False) / len(right_rows(tmp_path / "d")) < 0.4


@pytest.mark.parametrize(
    ("checks", "reasons", "slips"),
    [
        # A teacher of whose blind answers one in ten is wrong: five of them outvote its slips.
        ((AGREEMENT,), ("answers_disagree",), 0.1),
        # A judge has nobody to outvote it: what it finds is what it knows.
        ((JUDGE,), ("judged_poor",), 0.0),
        ((AGREEMENT, JUDGE), ("answers_disagree", "judged_poor"), 0.02),
    ],
)
def test_without_keys_checks_find_wrong_answers_and_reject_few_right_ones(
    tmp_path: Path, checks: tuple[str, ...], reasons: tuple[str, ...], slips: float
) -> None:
    outcome = build(tmp_path / "d", "target=80", faults(f"wrong=0.3,unkeyed=1,slips={slips}"), *checks)
    thrown = [is_right(r["instruction"], r["input"], r["output"]) for r in rejected(tmp_path / "d", *reasons)]
    passed = right_rows(tmp_path / "d")
    assert thrown.count(False) >= 0.95 * (thrown.count(False) + passed.count(False)) > 20
    assert thrown.count(True) <= 0.05 * (thrown.count(True) + passed.count(True))
    assert closes(outcome.report)
    assert pipeline.verify(tmp_path / "d") == []


def test_repair_brings_answers_back_with_what_they_replace_as_parent(tmp_path: Path) -> None:
    root = tmp_path / "d"
    outcome = build(root, "target=60", faults("wrong=0.3,unkeyed=1"), JUDGE, REPAIR)
    table = DatasetFolder(root).read_signal("checked").to_pylist()
    repaired = [s for s in DatasetFolder(root).iter_samples() if table[s.row]["repaired"]]
    replaced = {
        conversation_id(task_messages(r["instruction"], r["input"], r["output"])): r
        for r in rejected(root, "judged_poor")
    }
    assert len(repaired) > 10
    assert all(right_rows(root))
    for sample in repaired:
        old = replaced[sample.parents[-1]]
        assert (sample.instruction, sample.input) == (old["instruction"], old["input"])
        assert len(sample.parents) == 9  # the eight demonstrations, and what it replaces
        assert sample.request_id == f"{sample.task_id.partition('-')[0]}.2"  # draft, judge, repair, judge
        assert table[sample.row] == {
            "row": sample.row, "checked_by": "judge", "agreement": None, "judge_score": 5.0, "repaired": True,
        }  # fmt: skip
    others = [s for s in grown(root) if not table[s.row]["repaired"]]
    assert {(s.request_id or "").partition(".")[2] for s in others} == {"0"}
    assert closes(outcome.report)
    repairs = outcome.report["checks"]["repairs"]
    assert repairs["asked"] == repairs["written"] == repairs["passed"] >= len(repaired)


def test_repaired_instances_stay_one_task(tmp_path: Path) -> None:
    root = tmp_path / "d"
    build(root, "target=24", faults("wrong=0.4,unkeyed=1"), JUDGE, REPAIR, "growth.instances_per_task=2")
    table = DatasetFolder(root).read_signal("checked").to_pylist()
    tasks = Counter(s.task_id for s in grown(root) if table[s.row]["repaired"])
    assert set(tasks.values()) == {2}


def test_an_answer_that_failed_its_key_is_repaired_too(tmp_path: Path) -> None:
    outcome = build(tmp_path / "d", "target=40", faults("wrong=0.3"), REPAIR)
    assert all(right_rows(tmp_path / "d"))
    by = outcome.report["checks"]["by"]
    assert by["key"]["failed"] == outcome.report["checks"]["repairs"]["passed"] > 5
    assert set(by) == {"key"}


# What they cost


def test_a_row_with_a_key_costs_nothing(tmp_path: Path) -> None:
    outcome = build(tmp_path / "d", "target=30", AGREEMENT, JUDGE, REPAIR)
    assert set(outcome.report["checks"]["cost"]) == {"generation"}
    assert outcome.report["checks"]["rows"] == {"checked": len(grown(tmp_path / "d")), "unchecked": 0}


def test_the_report_says_what_was_checked_how_and_at_what_cost(tmp_path: Path) -> None:
    root = tmp_path / "d"
    outcome = build(root, "target=40", faults("wrong=0.3,unkeyed=0.5"), "checks.agreement.samples=3", JUDGE, REPAIR)
    block = outcome.report["checks"]
    tokens = ledger(root, "SELECT sum(prompt_tokens + completion_tokens) FROM attempts")[0][0]
    unread = ledger(
        root,
        "SELECT coalesce(sum(prompt_tokens + completion_tokens), 0) FROM attempts a JOIN requests r ON r.id = a.request "
        "JOIN jobs j ON j.number = r.job WHERE j.read_order IS NULL",
    )[0][0]
    assert sum(cost["tokens"] for cost in block["cost"].values()) == tokens - unread
    blind = "body LIKE '%请回答下面每一道题%' OR body LIKE '%Answer every task below%'"
    read = "SELECT count(*) FROM requests JOIN jobs ON number = job WHERE read_order IS NOT NULL"
    assert block["cost"]["agreement"]["requests"] == ledger(root, f"{read} AND ({blind})")[0][0] > 0
    assert block["cost"]["generation"]["requests"] == ledger(root, f"{read} AND step = 0")[0][0]
    assert set(block["by"]) == {"key", "agreement", "judge"}
    # Rewritten answers come as candidates of their own; every other one is held against its key or blind answers.
    checked_once = sum(sum(block["by"][check].values()) for check in ("key", "agreement"))
    assert checked_once == outcome.report["candidates"]["total"]
    pipeline.curate_folder(root, None, ["report.language=zh"], QUIET)
    page = (root / "report.html").read_text(encoding="utf-8")
    assert json.loads((root / "report.json").read_text(encoding="utf-8"))["checks"] == block
    assert "答案是否正确" in page
    pipeline.rewrite_report(root, "en")
    assert "Agreement of blind answers" in (root / "report.html").read_text(encoding="utf-8")


def test_the_budget_counts_check_requests_and_a_higher_one_goes_on(tmp_path: Path) -> None:
    checks = (faults("wrong=0.3,unkeyed=1"), JUDGE, REPAIR)
    outcome = build(tmp_path / "d", "target=30", "budget.max_requests=6", *checks)
    assert isinstance(outcome.ending, BudgetReachedError)
    assert pipeline.status(tmp_path / "d")["requests"] == 6
    assert max(step for (step,) in ledger(tmp_path / "d", "SELECT step FROM requests")) > 0
    assert build(tmp_path / "d", "target=30", "budget.max_requests=600", *checks).ending is None
    build(tmp_path / "whole", "target=30", *checks)
    assert grown(tmp_path / "d") == grown(tmp_path / "whole")
    capped = build(tmp_path / "capped", "target=200", "budget.max_tokens=40000", "teacher.concurrency=8", *checks)
    assert isinstance(capped.ending, BudgetReachedError)
    assert 0 < pipeline.status(tmp_path / "capped")["tokens"] <= 40000


def test_a_job_killed_in_its_judge_step_buys_nothing_again(tmp_path: Path) -> None:
    root = tmp_path / "d"
    with serving(create_app(Faults.parse("wrong=0.3,unkeyed=1,latency=0.03"))) as url:
        overrides = [
            *BASE,
            "teacher.provider=openai",
            "teacher.model=seedbed-procedural",
            f"teacher.base_url={url}",
            "growth.ordered=true",
            JUDGE,
            REPAIR,
        ]
        arguments = [sys.executable, "-m", "builder", "build", "--quiet", "--target", "40", "--out", str(root)]
        for override in overrides:
            arguments += ["--set", override]
        with subprocess.Popen(arguments, stdout=subprocess.DEVNULL) as process:
            while process.poll() is None and not _judging(root):
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL, "the build ended before it could be killed"
        before = ledger(root, "SELECT id, reply FROM attempts WHERE state = 'received' ORDER BY id")
        assert build(root, "target=40", *overrides).ending is None
        with urllib.request.urlopen(f"{url.removesuffix('/v1')}/stats") as reply:
            stats = json.load(reply)
        build(tmp_path / "undisturbed", "target=40", *overrides)
    after = ledger(root, "SELECT id, reply FROM attempts WHERE state = 'received' ORDER BY id")
    assert [reply for reply in before if reply not in after] == []
    assert (
        ledger(root, "SELECT request FROM attempts WHERE state = 'received' GROUP BY request HAVING count(*) > 1") == []
    )
    spent = pipeline.status(root)
    assert spent["unknown"] >= 1
    assert spent["received"] <= stats["served"] <= spent["attempts"]
    assert grown(root) == grown(tmp_path / "undisturbed")


def _judging(root: Path) -> bool:
    """Whether a job's judge request is on its way, with others answered before."""
    try:
        return bool(
            ledger(
                root,
                "SELECT 1 FROM attempts a JOIN requests r ON r.id = a.request WHERE r.step = 1 AND a.state = 'sent' "
                "AND r.job > 1",
            )
        )
    except sqlite3.OperationalError:
        return False


def test_a_judge_that_answers_nonsense_does_not_throw_the_tasks_away(tmp_path: Path) -> None:
    tasks = [
        {"instruction": "Name a bird that cannot fly.", "instances": [{"input": "", "output": "Penguin"}]},
        {"instruction": "Give the opposite of warm.", "instances": [{"input": "", "output": "Cold"}]},
    ]
    for number, nonsense in enumerate(("{}", completion("I'd rather not."))):
        with scripted(Answer(completion(json.dumps({"tasks": tasks}))), Answer(nonsense)) as endpoint:
            outcome = build(
                tmp_path / f"d{number}", "target=2", "growth.languages={en: 1}", "teacher.provider=openai", "teacher.model=m",
                f"teacher.base_url={endpoint.url}", "teacher.max_attempts=1", "teacher.concurrency=1", JUDGE,
            )  # fmt: skip
        assert [s.answer for s in grown(tmp_path / f"d{number}")] == ["Penguin", "Cold"]
        assert outcome.report["checks"]["by"]["judge"] == {"passed": 0, "failed": 0, "undecided": 2}
        assert outcome.report["checks"]["rows"] == {"checked": 0, "unchecked": 2}


# A job as a conversation


JOB = Job(3, "alpaca", Needs(2, "en", ("code",), 1, 1), (Task("s1", "…", (), None, "en", False),), seed=5)
TASKS = {
    "tasks": [
        {"instruction": "Add the numbers.", "instances": [{"input": "2, 3", "output": "6"}]},
        {"instruction": "Name the capital of Peru.", "instances": [{"input": "", "output": "Lima"}]},
        {"instruction": "Name the parts of a flower.", "instances": [{"input": "", "output": "They are:"}]},
    ]
}


def say(value: Any) -> Completion:
    return Completion(json.dumps(value, ensure_ascii=False), "stop", 10, 5)


def run(recipe: Recipe, job: Job, replies: Sequence[Completion]) -> tuple[list[Ask], Reading]:
    """Feed the replies one by one, as growing does: each call sees all replies so far."""
    asks: list[Ask] = []
    for count in range(len(replies) + 1):
        action = recipe.proceed(job, replies[:count])
        if isinstance(action, Reading):
            assert count == len(replies), "a reply was never asked for"
            return asks, action
        asks.append(action)
    raise AssertionError("the job asks for more replies")


def test_a_whole_job_draft_agreement_judge_repair_judge() -> None:
    checks = Checks.model_validate(
        {"agreement": {"samples": 2, "threshold": 0.5}, "judge": {"enabled": True}, "repair": True}
    )
    asks, reading = run(
        checked(ALPACA, checks),
        JOB,
        [
            say(TASKS),
            say({"answers": [{"id": 1, "answer": 5}, {"id": 2, "answer": "Lima."}]}),
            say({"answers": [{"id": 1, "answer": "5"}, {"id": 2, "answer": "Cusco"}]}),
            say({"scores": [{"id": 1, "problem": "No word about Peru.", "score": 2}]}),
            say({"answers": [{"id": 1, "answer": "5"}, {"id": 2, "answer": "Lima, the capital of Peru"}]}),
            say({"scores": [{"id": 1, "problem": "", "score": 5}, {"id": 2, "problem": "", "score": None}]}),
        ],
    )
    assert reading.check_steps == ("agreement", "agreement", "judge", "repair", "judge")
    assert [ask.temperature for ask in asks] == [None, 1.0, 1.0, None, None, None]
    assert [ask.optional for ask in asks] == [False, True, True, True, True, True]
    blind = asks[1].messages[0]["content"]
    assert '{"id": 1, "instruction": "Add the numbers.", "input": "2, 3"}' in blind
    assert "6" not in blind
    assert "They are:" not in blind  # admission rejects it at sight: no check is paid for
    assert '"input": "2, 3", "answer": "6", "problem": ' in asks[4].messages[0]["content"]
    assert "No word about Peru." in asks[4].messages[0]["content"]

    drafts = [draft for draft in reading.found if isinstance(draft, Draft)]
    first, second, third, fourth = (draft.outcomes[0] for draft in drafts[:2] + drafts[3:])
    assert first.failed is not None
    assert (first.failed.reason, first.failed.value, first.failed.threshold) == ("answers_disagree", 0.0, 0.5)
    assert first.failed.evidence == "5"
    assert second.failed is not None
    assert (second.checked_by, second.agreement, second.judge_score) == (("agreement", "judge"), 0.5, 2.0)
    assert (second.failed.reason, second.failed.evidence) == ("judged_poor", "No word about Peru.")
    assert drafts[2].outcomes[0].checked_by == ()
    assert (third.checked_by, third.agreement, third.failed, third.repaired) == (
        ("agreement", "judge"),
        1.0,
        None,
        True,
    )
    assert fourth.failed is not None
    assert fourth.failed.reason == "answers_disagree"
    assert drafts[3].task.instances == (Instance("2, 3", "5"),)
    assert (drafts[3].same_task, drafts[3].step) == (None, 4)
    assert drafts[3].parents == ("s1", conversation_id(task_messages("Add the numbers.", "2, 3", "6")))


def test_a_dialogue_is_checked_by_its_last_answer() -> None:
    turns = (Message("user", "Two and three?"), Message("assistant", "Five."), Message("user", "Doubled?"))
    talk = Task("", "Two and three?", (), None, "en", False, (*turns, Message("assistant", "Eleven.")))
    recipe = Recipe("talk", lambda job, replies: Reading((Draft(talk, parents=("x",)),)))
    checks = Checks.model_validate({"judge": {"enabled": True}, "repair": True})
    replies = [
        say({"scores": [{"id": 1, "problem": "It is ten.", "score": 1}]}),
        say({"answers": [{"id": 1, "answer": "Ten."}]}),
        say({"scores": [{"id": 1, "score": 5}]}),
    ]
    asks, reading = run(checked(recipe, checks), JOB, replies)
    assert '{"role": "user", "content": "Doubled?"}], "answer": "Eleven."}' in asks[0].messages[0]["content"]
    draft = reading.found[1]
    assert isinstance(draft, Draft)
    assert draft.task.dialogue == (*turns, Message("assistant", "Ten."))
    assert draft.parents == ("x", conversation_id(talk.dialogue))


def test_a_passage_that_tasks_draw_on_is_shown_to_whoever_checks_them() -> None:
    checks = Checks.model_validate({"agreement": {"samples": 1}})
    job = replace(JOB, material={"text": "Peru's capital is Lima.", "include": False, "source": "a.txt"})
    ask = checked(ALPACA, checks).proceed(job, [say(TASKS)])
    assert isinstance(ask, Ask)
    assert ask.messages[0]["content"].count('{"passage": "Peru\'s capital is Lima."}\n\n{"id": 1, ') == 1
    ask = checked(ALPACA, checks).proceed(replace(job, material={**job.material, "include": True}), [say(TASKS)])
    assert isinstance(ask, Ask)
    assert "passage" not in ask.messages[0]["content"]


def test_without_checks_the_recipe_is_itself() -> None:
    assert checked(ALPACA, Checks()) is ALPACA


def test_long_answers_without_a_common_text_are_left_to_the_judge() -> None:
    def essay(word: str) -> str:
        return " ".join(f"{word}{number}" for number in range(60))

    tasks = {"tasks": [{"instruction": "Write about the sea.", "instances": [{"input": "", "output": essay("a")}]}]}
    samples = [say({"answers": [{"id": 1, "answer": essay(word)}]}) for word in "bcd"]
    checks = Checks.model_validate({"agreement": {"samples": 3}})
    draft = run(checked(ALPACA, checks), JOB, [say(tasks), *samples])[1].found[0]
    assert isinstance(draft, Draft)
    assert (draft.outcomes[0].failed, draft.outcomes[0].undecided) == (None, ("agreement",))
    # Blind answers that agree with each other, and not with this one, still speak against it.
    agreeing = [say({"answers": [{"id": 1, "answer": essay("b")}]})] * 3
    draft = run(checked(ALPACA, checks), JOB, [say(tasks), *agreeing])[1].found[0]
    assert isinstance(draft, Draft)
    assert draft.outcomes[0].failed is not None


# Reading and comparing


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("42", "The answer is 42.", True),
        ("1,234", "1234", True),
        ("42", "24", False),
        ("3 of 5", "3", False),
        ("red, green", "Red、green。", True),
        ("red, green", "green, red", False),
        ("positive", "negative", False),
        ("答案是利马", "利马。", True),
        ("利马", "库斯科", False),
        ('{"a": 1, "b": [2]}', '{"b": [2], "a": 1.0}', True),
        ('{"a": 1}', '{"a": 2}', False),
        ("Q1", "q1", True),
    ],
)
def test_answers_are_compared_by_what_they_say(left: str, right: str, same: bool) -> None:
    assert same_answer(left, right) is same
    assert same_answer(right, left) is same


@pytest.mark.parametrize(
    ("content", "scores"),
    [
        ('{"scores": [{"id": 1, "score": 4}, {"id": 2, "score": null}]}', {1: 4.0}),
        ('Sure:\n```json\n{"scores": [{"id": 1, "score": "3"}]}\n```', {1: 3.0}),
        ('<think>{"id": 1, "score": 1}</think>{"scores": [{"id": 1, "score": 5}]}', {1: 5.0}),
        ('{"scores": [{"id": 1, "score": 5}, {"id": 2, "sco', {1: 5.0}),
        ('{"scores": [{"id": 1, "score": 7}, {"id": 2, "score": true}, {"id": 3, "score": "很好"}]}', {}),
        ('{"scores": [{"id": 1, "score": 2}, {"id": 1, "score": 5}]}', {1: 2.0}),
        ("我无法评分。", {}),
    ],
)
def test_marks_are_read_and_nothing_is_guessed(content: str, scores: dict[int, float]) -> None:
    marks = read_marks(Completion(content, "stop", 1, 1))
    assert {number: mark.score for number, mark in marks.items()} == scores


def test_answers_keep_their_case_and_structures_become_json() -> None:
    reply = Completion(
        '{"answers": [{"id": 1, "answer": {"A": [1]}}, {"id": "2", "answer": " SELECT "}]}', "stop", 1, 1
    )
    assert read_answers(reply) == {1: '{"A": [1]}', 2: "SELECT"}


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=4))
def test_nothing_in_a_task_leaves_its_line(pairs: list[tuple[str, str]]) -> None:
    lines = as_lines([Question(instruction, given) for instruction, given in pairs], "en").split("\n")
    read = [json.loads(line) for line in lines]
    assert [(r["instruction"], r["input"]) for r in read] == pairs


@pytest.mark.parametrize("language", ["en", "zh"])
def test_prompts_are_in_the_language_of_the_job(language: Any) -> None:
    questions = [Question("…")]
    prompt = ask_judge(questions, ["…"], language).messages[0]["content"]
    assert detect_language(prompt) == language


def test_the_embedded_judge_marks_what_it_can_compute_and_abstains_elsewhere() -> None:
    made = json.loads(_reply_with_tasks())["tasks"][0]
    question = Question(made["instruction"], made["instances"][0]["input"])
    right = made["instances"][0]["output"]
    ask = ask_judge([question, question, Question("Write a sonnet.")], [right, "No idea", "Roses"], "en")
    scores = json.loads(answer_check(ask.messages[0]["content"]) or "")["scores"]
    assert [entry["score"] for entry in scores] == [5, 1, None]
    assert answer_check(right) is None


def _reply_with_tasks() -> str:
    return compose_reply("seedbed-procedural", ["- number of tasks: 40\n- language: English"], "seed")


def test_wrong_answers_fail_their_key_and_are_answers_all_the_same() -> None:
    content = spoil(_reply_with_tasks(), wrong=1.0, unkeyed=0.0, slips=0.0, rng=random.Random(1))
    for task in json.loads(content)["tasks"]:
        for instance in task["instances"]:
            assert instance["output"].strip()
            assert answer(task["instruction"], instance["input"]) == instance["answer_key"]["answer"]
            assert not is_right(task["instruction"], instance["input"], instance["output"])
    assert spoil("plain text", wrong=1.0, unkeyed=1.0, slips=1.0, rng=random.Random(1)) == "plain text"
