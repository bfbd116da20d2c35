"""Replies read again: the same rows for the same settings, others for others, nothing bought, nothing lost by a kill."""

import hashlib
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from builder import pipeline
from builder.config import Settings
from builder.errors import InputFileError, IntegrityError, TargetNotReachedError, UsageError
from builder.pipeline.curating import curate_folder
from builder.pipeline.placing import place
from builder.pipeline.reviewing import ReviewSession
from builder.procedural.teacher.embedded import create_app
from builder.progress import Reporter
from builder.queries.browsing import find_rows
from builder.queries.selecting import Filters
from builder.requests.ledger_file import hash_text
from builder.schema import Message, Sample
from builder.settings_file import load_settings
from builder.similarity import similarity
from builder.store.dataset_folder import DatasetFolder
from builder.store.reviews import Review, deciding
from builder.text import detect_language, tokenise
from tests.builder.older_ledgers import unseal
from tests.builder.references import FEW_SEEDS
from tests.endpoint import serving

QUIET = Reporter(quiet=True)
BASE = (
    *("growth.tasks_per_request=4", "growth.window=8", "teacher.concurrency=4", "split.min_validation_rows=0"),
    FEW_SEEDS,
)
MIXED = "growth.recipes={alpaca: 3, evolve: 1, phrasings: 1, dialogue: 1}"
SHORT = "filters.max_instruction_words=14"


def settings(*overrides: str) -> Settings:
    return load_settings(None, [*BASE, *overrides], {})


def build(root: Path, *overrides: str, fork: Path | None = None) -> pipeline.Outcome:
    return pipeline.build(settings(*overrides), root, QUIET, {}, fork=fork)


def rebuild(root: Path, *overrides: str, out: Path | None = None) -> pipeline.Rebuilt:
    return pipeline.rebuild(root, None, overrides, QUIET, out)


def rows(root: Path) -> list[dict[str, Any]]:
    table: list[dict[str, Any]] = DatasetFolder(root).samples_table().to_pylist()
    return table


def grown(root: Path) -> list[dict[str, Any]]:
    return [row for row in rows(root) if row["origin"] == "generated"]


def query(root: Path, sql: str) -> list[Any]:
    connection = sqlite3.connect(root / "ledger.sqlite")
    connection.create_function("sha256", 1, hash_text)
    try:
        found = connection.execute(sql).fetchall()
        connection.commit()
        return found
    finally:
        connection.close()


def alter(root: Path, sql: str) -> None:
    """Change a ledger as an older version may have written it: without checksums of its rows."""
    unseal(root)
    query(root, sql)


def paid(root: Path) -> list[Any]:
    return query(root, "SELECT * FROM attempts ORDER BY id")


def files(root: Path) -> dict[str, str]:
    """Everything that can be compared between folders: no lock, no ledger."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.startswith((".lock", "ledger"))
    }


def assert_sound(root: Path) -> None:
    report = json.loads((root / "report.json").read_text(encoding="utf-8"))
    for total, kept, part in (("total", "admitted", "candidates"), ("total", "kept", "rows")):
        assert report[part][total] == report[part][kept] + sum(report[part]["by_reason"].values())
    assert report["candidates"]["admitted"] == len(grown(root))
    assert sum(report["candidates"]["by_reason"].values()) == DatasetFolder(root).rejections_table().num_rows
    assert pipeline.verify(root) == []


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A grown dataset; tests that change it copy it."""
    root = tmp_path_factory.mktemp("made") / "d"
    build(root, "target=40")
    return root


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One with evolved, rephrased and discussed tasks."""
    root = tmp_path_factory.mktemp("mixed") / "d"
    build(root, "target=80", MIXED)
    return root


@pytest.fixture(scope="module")
def expected(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a rebuild with a lower threshold comes to."""
    root = tmp_path_factory.mktemp("expected") / "d"
    rebuild(made, "novelty.threshold=0.5", out=root)
    return root


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "copy"))


@pytest.mark.parametrize("which", ["made", "mixed"])
def test_equal_settings_give_equal_files(which: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    source = request.getfixturevalue(which)
    root = Path(shutil.copytree(source, tmp_path / "d"))
    before, bought = files(source), paid(source)
    assert rebuild(root).outcome.ending is None
    assert files(root) == before
    assert paid(root) == bought
    rebuilt = rebuild(root, out=tmp_path / "new")
    assert (rebuilt.lacking, rebuilt.outcome.root) == (0, tmp_path / "new")
    assert files(tmp_path / "new") == before
    assert_sound(tmp_path / "new")


def test_unordered_rows_keep_their_order_and_nothing_is_posted(tmp_path: Path) -> None:
    with serving(create_app()) as url:
        openai = (
            "target=40",
            "teacher.provider=openai",
            "teacher.model=seedbed-procedural",
            f"teacher.base_url={url}",
            "growth.ordered=false",
        )
        build(tmp_path / "d", *openai)
        before, served = rows(tmp_path / "d"), _served(url)
        assert served > 0
        rebuild(tmp_path / "d")
        assert rows(tmp_path / "d") == before
        rebuild(tmp_path / "d", "novelty.threshold=0.4", out=tmp_path / "new")
        assert _served(url) == served
    assert_sound(tmp_path / "d")
    # The server is gone: the folder can still be read again.
    rebuild(tmp_path / "new", "novelty.threshold=0.7")
    assert rows(tmp_path / "new") == before


def _served(url: str) -> int:
    return int(json.loads(urllib.request.urlopen(url.removesuffix("/v1") + "/stats").read())["served"])


@pytest.mark.parametrize("threshold", [0.3, 0.5])
def test_a_lower_threshold_admits_what_a_plain_scan_admits(made: Path, tmp_path: Path, threshold: float) -> None:
    thresholds = [f"novelty.{name}={threshold}" for name in ("threshold", "threshold_characters")]
    rebuilt = rebuild(made, *thresholds, out=tmp_path / "new")
    kept = [row["instruction"] for row in rows(made) if row["origin"] == "seed"]
    expected = []
    for row in grown(made):
        if all(similarity(tokenise(row["instruction"]), tokenise(other)) <= threshold for other in kept):
            expected.append(row["instruction"])
            kept.append(row["instruction"])
    assert [row["instruction"] for row in grown(tmp_path / "new")] == expected
    assert 0 < len(expected) < 40
    assert isinstance(rebuilt.outcome.ending, TargetNotReachedError)
    assert rebuilt.outcome.report["candidates"]["by_reason"] == {"too_similar": 40 - len(expected)}
    assert rebuilt.before is not None
    assert rebuilt.before["candidates"]["by_reason"] == {}
    assert_sound(tmp_path / "new")


def test_other_settings_give_the_rows_of_a_fresh_build_with_the_same_replies(made: Path, tmp_path: Path) -> None:
    replies: dict[str, list[str]] = {"en": [], "zh": []}
    for body, reply in query(
        made, "SELECT body, reply FROM attempts a JOIN requests r ON r.id = a.request ORDER BY job"
    ):
        replies["zh" if detect_language(json.loads(body)["messages"][0]["content"]) == "zh" else "en"].append(reply)
    overrides = (
        "teacher.provider=openai",
        "teacher.model=seedbed-procedural",
        "growth.ordered=true",
        "teacher.concurrency=1",
        "growth.saturation_floor=0",
    )

    def grow(root: Path, *more: str) -> None:
        with serving(_replaying(replies)) as url:
            build(root, *overrides, f"teacher.base_url={url}", *more)

    stricter = ("novelty.threshold=0.5", SHORT)
    grow(tmp_path / "loose", "target=35")
    grow(tmp_path / "strict", "target=10", *stricter)
    rebuild(tmp_path / "loose", "target=10", *stricter)
    # Which tasks were shown differs, since each build shows its own; all else is the same.
    fresh, again = ([{**row, "parents": None} for row in rows(tmp_path / name)] for name in ("strict", "loose"))
    assert again == fresh
    assert (
        DatasetFolder(tmp_path / "loose")
        .rejections_table()
        .equals(DatasetFolder(tmp_path / "strict").rejections_table())
    )


def _replaying(replies: dict[str, list[str]]) -> Starlette:
    waiting: dict[str, Iterator[str]] = {language: iter(kept) for language, kept in replies.items()}

    async def chat(request: Request) -> Response:
        asked = (await request.json())["messages"][0]["content"]
        return Response(next(waiting["zh" if detect_language(asked) == "zh" else "en"]), media_type="application/json")

    return Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])


def test_lineage_names_what_exists_or_says_that_only_the_ledger_knows_it(mixed: Path, tmp_path: Path) -> None:
    rebuild(mixed, SHORT, out=tmp_path / "new")
    assert_sound(tmp_path / "new")
    there: set[str] = set()
    unknown = 0
    for row in rows(tmp_path / "new"):
        there.add(row["task_id"])
        for parent in row["parents"]:
            unknown += parent.startswith("ledger:")
            assert parent.removeprefix("ledger:") not in there if parent.startswith("ledger:") else parent in there
    assert unknown > 0
    assert not any(parent.startswith("ledger:") for row in rows(mixed) for parent in row["parents"])


def test_children_of_a_task_that_is_not_admitted_are_read_as_they_were(mixed: Path, tmp_path: Path) -> None:
    # A parent's words are blocked: it goes, what was made of it in other words stays.
    by_task = {row["task_id"]: row for row in rows(mixed) if row["source"].startswith("alpaca")}
    child = next(row for row in rows(mixed) if row["source"].startswith("evolve") and row["parents"][0] in by_task)
    parent = by_task[child["parents"][0]]
    lost = next(word for word in parent["instruction"].split() if word not in child["instruction"])
    rebuild(mixed, f"filters.blocked_words=[{json.dumps(lost)}]", "novelty.threshold=1", out=tmp_path / "new")
    again = {row["id"]: row for row in rows(tmp_path / "new")}
    assert parent["id"] not in again
    assert again[child["id"]]["parents"] == [f"ledger:{parent['task_id']}"]
    assert again[child["id"]]["instruction"] == child["instruction"]


def test_phrasings_inherit_the_answers_of_a_task_that_is_not_admitted(mixed: Path, tmp_path: Path) -> None:
    by_row = {row["task_id"]: row for row in rows(mixed) if not row["source"].startswith("phrasings")}
    variant = next(row for row in grown(mixed) if row["source"].startswith("phrasings") and row["language"] == "en")
    parent = by_row[variant["task_id"]]
    words = set(variant["instruction"].split())
    lost = next(
        word.strip(".,:;") for word in parent["instruction"].split() if word not in words and word.strip(".,:;")
    )
    rebuild(mixed, f"filters.blocked_words=[{json.dumps(lost)}]", "novelty.threshold=1", out=tmp_path / "new")
    again = {row["id"]: row for row in rows(tmp_path / "new")}
    assert parent["origin"] == "seed" or parent["id"] not in again
    assert again[variant["id"]]["messages"][-1] == variant["messages"][-1]
    if parent["origin"] != "seed":
        assert again[variant["id"]]["task_id"] == f"ledger:{parent['task_id']}"


def test_a_folder_goes_on_growing_with_the_settings_it_was_rebuilt_with(copy: Path, tmp_path: Path) -> None:
    before = paid(copy)
    assert rebuild(copy, "novelty.threshold=0.5").outcome.ending is not None
    kept = rows(copy)
    with pytest.raises(UsageError, match=r"novelty\.threshold: was 0\.5, is now 0\.7"):
        build(copy, "target=40")
    assert build(copy, "target=40", "novelty.threshold=0.5").ending is None
    assert rows(copy)[: len(kept)] == kept
    assert paid(copy)[: len(before)] == before
    assert_sound(copy)


def test_a_fork_buys_only_what_is_missing_and_is_the_same_each_time(made: Path, tmp_path: Path) -> None:
    before = files(made), paid(made)
    for name in "ab":
        outcome = build(tmp_path / name, "target=40", "novelty.threshold=0.5", fork=made)
        assert outcome.ending is None
    assert (files(made), paid(made)) == before
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert_sound(tmp_path / "a")
    bought = paid(tmp_path / "a")
    assert bought[: len(before[1])] == before[1]
    assert 0 < len(bought) - len(before[1]) <= 3
    # The same command again goes on from there, and with a higher target grows on.
    build(tmp_path / "a", "target=40", "novelty.threshold=0.5", fork=made)
    assert paid(tmp_path / "a") == bought
    build(tmp_path / "a", "target=50", "novelty.threshold=0.5")
    assert rows(tmp_path / "a")[: len(rows(tmp_path / "b"))] == rows(tmp_path / "b")


def test_a_fork_may_ask_for_other_things(made: Path, tmp_path: Path) -> None:
    seeds = tmp_path / "seeds.jsonl"
    seeds.write_text(
        json.dumps(
            {"instruction": "Name the odd one out.", "instances": [{"input": "cat, dog, oak", "output": "oak"}]}
        ),
        encoding="utf-8",
    )
    build(
        tmp_path / "d",
        *("target=70", f"seeds.files=[{seeds}]", "growth.languages={en: 1}", "growth.recipes={alpaca: 1, topic: 3}"),
        "growth.topics=[beekeeping]",
        fork=made,
    )
    assert_sound(tmp_path / "d")
    table = grown(tmp_path / "d")
    old = [row for row in table if int(row["request_id"][1:7]) < query(made, "SELECT count(*) FROM jobs")[0][0]]
    new = table[len(old) :]
    assert {row["language"] for row in old} == {"en", "zh"}
    assert {row["language"] for row in new} == {"en"}
    assert {row["source"].split(":")[0] for row in new} == {"topic"}
    # The seeds that were shown are gone, and so said.
    assert any(parent.startswith("ledger:") for row in old for parent in row["parents"])


def test_a_fork_needs_a_grown_folder_and_a_new_one(made: Path, copy: Path, tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="no such dataset folder"):
        build(tmp_path / "new", "target=60", fork=tmp_path / "nothing")
    with pytest.raises(UsageError, match="holds a dataset that is no fork"):
        build(copy, "target=60", fork=made)
    with pytest.raises(UsageError, match="holds a dataset already"):
        rebuild(made, out=copy)
    with pytest.raises(UsageError, match=r"seedbed rebuild .* --out .*--fork") as refused:
        build(copy, "target=60", "seed=5")
    assert "seed: was 0, is now 5" in refused.value.message


def lose_reply(root: Path, job: int) -> None:
    alter(
        root,
        "UPDATE attempts SET state = 'unknown', reply = NULL, reply_sha256 = NULL, usable = NULL "
        f"WHERE request IN (SELECT id FROM requests WHERE job = {job})",
    )


@pytest.mark.parametrize("ordered", ["true", "false"])
def test_jobs_without_a_reply_are_reported_and_the_others_read(tmp_path: Path, ordered: str) -> None:
    grow = ("target=60", f"growth.ordered={ordered}")
    build(tmp_path / "d", *grow)
    lose_reply(tmp_path / "d", 3)
    rebuilt = rebuild(tmp_path / "d")
    assert rebuilt.lacking == 1
    assert isinstance(rebuilt.outcome.ending, TargetNotReachedError)
    assert "seedbed build" in rebuilt.outcome.ending.remedy
    read = {row["request_id"][:7] for row in grown(tmp_path / "d")}
    assert "r000003" not in read
    assert "r000004" in read
    kept, attempts = rows(tmp_path / "d"), paid(tmp_path / "d")
    assert build(tmp_path / "d", *grow).ending is None
    assert rows(tmp_path / "d")[: len(kept)] == kept
    # Nobody knows whether the lost one was served: it stays counted, and is not sent again.
    assert paid(tmp_path / "d")[: len(attempts)] == attempts
    assert query(tmp_path / "d", "SELECT count(*) FROM attempts JOIN requests r ON r.id = request WHERE job = 3") == [
        (1,)
    ]
    assert_sound(tmp_path / "d")


def test_jobs_half_way_go_on_in_a_fork(tmp_path: Path) -> None:
    recipe = ("growth.recipes={self_instruct: 1}", "growth.ordered=true")
    build(tmp_path / "d", "target=40", *recipe)
    last = "id = (SELECT a.id FROM attempts a JOIN requests r ON r.id = a.request WHERE job = 2 ORDER BY step DESC LIMIT 1)"
    alter(tmp_path / "d", f"UPDATE attempts SET state = 'failed', reply = NULL, usable = NULL WHERE {last}")
    requests = query(tmp_path / "d", "SELECT count(*) FROM requests WHERE job = 2")
    rebuilt = rebuild(tmp_path / "d", out=tmp_path / "again")
    assert rebuilt.lacking == 1
    build(tmp_path / "fork", "target=40", *recipe, "novelty.threshold=0.6", fork=tmp_path / "d")
    assert_sound(tmp_path / "fork")
    assert query(tmp_path / "fork", "SELECT count(*) FROM requests WHERE job = 2") == requests
    assert any(row["request_id"].startswith("r000002") for row in grown(tmp_path / "fork"))


def test_a_check_that_is_new_is_bought_alone_and_one_that_is_gone_is_not_misread(tmp_path: Path) -> None:
    checks = ("checks.agreement.samples=2", "checks.judge.enabled=true", 'teacher.faults="unkeyed=1"')
    build(tmp_path / "d", "target=24", *checks)
    fewer = rebuild(tmp_path / "d", "checks.agreement.samples=1", out=tmp_path / "fewer")
    judged = DatasetFolder(tmp_path / "d").read_signal("checked").column("judge_score").to_pylist()
    assert fewer.lacking == 0
    assert DatasetFolder(tmp_path / "fewer").read_signal("checked").column("judge_score").to_pylist() == judged
    assert any(score is not None for score in judged)
    none = rebuild(tmp_path / "d", "checks.agreement.samples=0", "checks.judge.enabled=false", out=tmp_path / "none")
    assert none.outcome.ending is None
    assert {row["request_id"][-2:] for row in grown(tmp_path / "none")} == {".0"}
    jobs = query(tmp_path / "d", "SELECT count(*) FROM jobs")[0][0]
    back = rebuild(tmp_path / "none", *checks)
    assert (back.lacking, rows(tmp_path / "none")) == (0, rows(tmp_path / "d"))
    build(tmp_path / "more", "target=24", "checks.agreement.samples=3", *checks[1:], fork=tmp_path / "d")
    new = query(tmp_path / "more", "SELECT job, count(*) FROM requests WHERE step > 3 GROUP BY job")
    assert new
    assert all(count == 1 for job, count in new if job < jobs)
    assert_sound(tmp_path / "more")


def test_another_model_is_named_only_for_what_it_gave(made: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(made, tmp_path / "d"))
    elder = "json_set(body, '$.model', 'elder')"
    alter(root, f"UPDATE requests SET body = {elder}, body_sha256 = sha256({elder})")
    rebuild(root)
    assert {row["source"] for row in grown(root)} == {"alpaca:elder"}


def test_an_older_ledger_is_read_where_it_can_be(mixed: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(mixed, tmp_path / "d"))
    for number, text in query(root, "SELECT number, context FROM jobs"):
        context = json.loads(text)
        context.pop("parent", None)
        context["needs"].pop("preset")
        context["needs"]["whole_replies"] = False
        context["demonstrations"] = [name for name, _ in context["demonstrations"]]
        quoted = json.dumps(context, ensure_ascii=False).replace("'", "''")
        alter(root, f"UPDATE jobs SET context = '{quoted}' WHERE number = {number}")
    rebuild(root)
    assert rows(root) == rows(mixed)
    before = files(root)
    with pytest.raises(
        IntegrityError, match=r"job r\d+ \(\w+\) works on the task r\d+-\d, which these settings do not admit"
    ):
        rebuild(root, SHORT)
    assert files(root) == before


def test_reviews_follow_their_conversation(copy: Path) -> None:
    folder = DatasetFolder(copy)
    table = grown(copy)
    doomed = next(row for row in table if len(row["instruction"].split()) > 14 and row["language"] == "en")
    stays = table[-1] if table[-1]["id"] != doomed["id"] else table[-2]
    for row, decision in ((doomed, "keep"), (stays, "drop")):
        folder.reviews.append(Review(row["row"], row["id"], decision, "看过"))  # type: ignore[arg-type]
    rebuilt = rebuild(copy, f"filters.blocked_words=[{json.dumps(doomed['instruction'].split()[0])}]")
    assert (rebuilt.reviews, rebuilt.unplaced) in {(1, 1), (0, 2)}
    assert doomed["id"] in {review.id for review in folder.reviews.read_unplaced()}
    for number, review in deciding(folder.reviews.read(), "latest").items():
        assert rows(copy)[number]["id"] == review.id == stays["id"]
        verdict = next(v for v in folder.read_verdicts() if v.row == number)
        assert (verdict.kept, verdict.reason) == (False, "reviewed_drop")
    assert_sound(copy)
    back = rebuild(copy, "filters.blocked_words=null")
    assert (back.reviews, back.unplaced) == (2, 0)
    assert {(r.row, r.id, r.decision) for r in deciding(folder.reviews.read(), "latest").values()} == {
        (doomed["row"], doomed["id"], "keep"),
        (stays["row"], stays["id"], "drop"),
    }


def test_edits_and_their_reviews_come_back_after_a_rebuild(copy: Path) -> None:
    folder = DatasetFolder(copy)
    last = grown(copy)[-1]
    session = ReviewSession(copy, "li")
    session.decide(
        session.sample(last["row"]), "edit", edit=((len(last["messages"]) - 1, "An answer that a person wrote."),)
    )
    curate_folder(copy, None, [], QUIET)
    edited = folder.count_samples() - 1
    session.decide(session.sample(edited), "keep", note="fine")
    ReviewSession(copy, "anna").decide(session.sample(edited), "drop", note="dull")
    before = {one.review_id: (one.id, one.reviewer, one.decision) for one in folder.reviews.read()}
    rebuilt = rebuild(copy)
    assert rebuilt.unplaced == 0
    assert {one.review_id: (one.id, one.reviewer, one.decision) for one in folder.reviews.read()} == before
    new = session.sample(folder.count_samples() - 1)
    assert new.answer == "An answer that a person wrote."
    assert {one.row for one in folder.reviews.read()} == {last["row"], new.row}
    reasons = {v.row: v.reason for v in folder.read_verdicts()}
    assert reasons[new.row] == "reviewed_drop"
    assert_sound(copy)


def test_equal_conversations_keep_their_order_among_reviews() -> None:
    def sample(row: int, text: str) -> Sample:
        return Sample(row, "t", (Message("user", text), Message("assistant", "a")), None, "en", "generated", "s")

    same, other = sample(0, "same").id, sample(0, "other").id
    reviews = [Review(4, same, "keep"), Review(2, same, "drop"), Review(4, same, "drop"), Review(9, other, "keep")]
    placed, rest = place(reviews, [sample(0, "x"), sample(1, "same"), sample(2, "same")])
    assert [(r.row, r.decision) for r in placed] == [(2, "keep"), (1, "drop"), (2, "drop")]
    assert rest == [reviews[3]]


_KILLED = """
import os, signal, sys
from pathlib import Path
from builder import pipeline
from builder.progress import Reporter

original = Path.replace
def replace(self, target):
    if str(target).endswith(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return original(self, target)
Path.replace = replace
pipeline.rebuild(Path(sys.argv[1]), None, ["novelty.threshold=0.5"], Reporter(quiet=True))
"""


@pytest.mark.parametrize(
    ("before_writing", "found"),
    [
        (".rebuild/MANIFEST.json", "before"),  # all is staged, nothing is decided
        ("/d/publish", "between"),  # the ledger's order and some tables are new, others are old
        ("/d/MANIFEST.json", "between"),  # all is in place but the manifest
    ],
)
def test_after_a_kill_the_same_command_ends_with_the_same_files(
    made: Path, expected: Path, tmp_path: Path, before_writing: str, found: str
) -> None:
    root = Path(shutil.copytree(made, tmp_path / "d"))
    arguments = [sys.executable, "-c", _KILLED, str(root), before_writing]
    process = subprocess.run(arguments, capture_output=True, timeout=100)
    assert process.returncode == -signal.SIGKILL, process.stderr.decode()
    # Whatever was put in place by then, readers stand on one decision, and it is whole.
    waiting = {name for name in files(root) if name.startswith(".rebuild/")}
    assert waiting
    if found == "before":
        assert {name: digest for name, digest in files(root).items() if name not in waiting} == files(made)
    assert pipeline.verify(root) == []
    assert (
        find_rows(root, Filters(), limit=1).total
        == find_rows(made if found == "before" else expected, Filters(), limit=1).total
    )
    assert paid(root) == paid(made)
    rebuild(root, "novelty.threshold=0.5")
    assert files(root) == files(expected)
    assert paid(root) == paid(made)


@pytest.mark.parametrize("act", ["build", "curate"])
def test_any_writer_completes_a_replacement_that_was_cut_short(
    copy: Path, expected: Path, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = copy
    with monkeypatch.context() as patched:
        patched.setattr("builder.pipeline.replacing._replace_files", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            rebuild(root, "novelty.threshold=0.5")
    assert pipeline.verify(root) == []
    if act == "build":
        build(root, "target=40", "novelty.threshold=0.5")
    else:
        pipeline.curate_folder(root, None, [], QUIET)
    assert rows(root)[: len(rows(expected))] == rows(expected)
    assert_sound(root)


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_what_somebody_put_into_a_folder_stays_when_it_is_replaced(copy: Path) -> None:
    names = (
        "samples/notes.txt",
        "publish/data/mine.parquet",
        "publish/LICENSE",
        "signals/deep/old.csv",
        "rejections/why.txt",
    )
    for name in names:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text("mine", encoding="utf-8")
    rebuild(copy, "novelty.threshold=0.5")
    assert [(copy / name).read_text(encoding="utf-8") for name in names] == ["mine"] * 5
    assert sorted(problem.path for problem in pipeline.verify(copy)) == sorted(names)


def test_rows_that_nobody_knows_of_do_not_outlive_a_rebuild(copy: Path) -> None:
    (copy / "MANIFEST.json").unlink()
    (copy / "samples" / "part-00009.parquet").write_bytes(b"PAR1")
    rebuild(copy)
    assert not (copy / "samples" / "part-00009.parquet").exists()
    assert_sound(copy)
