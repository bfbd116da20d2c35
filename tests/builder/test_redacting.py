"""Redaction: rows without personal data and secrets in the place of rows that hold some."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder import pipeline
from builder.answers import AnswerKey
from builder.curation.redacting import Placeholders, redact, redact_row
from builder.pipeline.redacting import redact_folder
from builder.progress import Reporter
from builder.queries.browsing import explain_row
from builder.queries.selecting import Filters, chosen_samples
from builder.schema import Message, Sample, compose_prompt, task_messages
from builder.settings_file import load_settings
from builder.signals import measure_row
from builder.signals.privacy import find_private, private_texts
from builder.store.dataset_folder import DatasetFolder
from builder.store.reviews import Review
from tests.builder.test_privacy import JWT, PEM, PLANTED
from tests.command import Seedbed

QUIET = Reporter(quiet=True)
CHINESE = task_messages(
    "把这封信改得更客气，并写上两个联系方式。",
    "请把合同寄到zhang_min@163.com，电话13912045067。",
    "您好，烦请您将合同发送至zhang_min@163.com，如有疑问请致电13912045067，谢谢。",
)
ENGLISH = task_messages(
    "Write the note that a courier leaves at the door, with the number to call.",
    None,
    "Your parcel could not be delivered today. Please call 650-636-4812 to choose another day.",
)
CLEAN = task_messages("Name three trees that lose their leaves in autumn.", None, "Oak, maple and birch.")


def row(number: int, messages: tuple[Message, ...], language: str = "en") -> Sample:
    instruction, _, given_text = messages[0].content.partition("\n\n")
    return Sample(
        number,
        f"task-{number}",
        messages,
        "writing",
        language,
        "imported",
        f"rows.json#{number + 1}",
        instruction=instruction,
        input=given_text or None,
    )


def make_folder(root: Path, samples: Sequence[Sample]) -> DatasetFolder:
    folder = DatasetFolder(root)
    folder.write_samples(samples)
    folder.settings.write_text(json.dumps({"split": {"validation_share": 0}}), encoding="utf-8")
    pipeline.curate_folder(root, None, (), QUIET)
    return folder


def reasons(folder: DatasetFolder) -> dict[int, tuple[str | None, int | None]]:
    return {verdict.row: (verdict.reason, verdict.of) for verdict in folder.read_verdicts()}


def published(folder: DatasetFolder) -> list[Sample]:
    return sorted(chosen_samples(folder.root, Filters()), key=lambda sample: sample.row)


def rows_and_decisions(folder: DatasetFolder) -> dict[Path, bytes]:
    files = [*folder.samples.glob("*"), *(folder.publish / "data").glob("*"), folder.verdicts]
    return {path: path.read_bytes() for path in files}


@pytest.fixture
def folder(tmp_path: Path) -> DatasetFolder:
    return make_folder(tmp_path / "d", [row(0, CHINESE, "zh"), row(1, CLEAN), row(2, ENGLISH)])


# One row.


def test_the_same_value_has_the_same_name_in_the_row_s_language() -> None:
    old = row(0, CHINESE, "zh")
    new = redact_row(replace(old, rejected="Zhang_Min@163.com，１３９-1204-5067", category="邮件"), 9)

    assert new.instruction == "把这封信改得更客气，并写上两个联系方式。"
    assert new.input == "请把合同寄到[邮箱_1]，电话[电话_1]。"
    assert new.answer == "您好，烦请您将合同发送至[邮箱_1]，如有疑问请致电[电话_1]，谢谢。"
    assert new.rejected == "[邮箱_1]，[电话_1]"
    assert new.messages[0].content == compose_prompt(new.instruction, new.input)
    assert (new.row, new.parents, new.task_id) == (9, (old.id,), "task-0")
    assert (new.category, new.language, new.origin, new.source) == ("邮件", "zh", "imported", "rows.json#1")
    assert new.redaction_of == 0


def test_other_values_have_other_numbers_and_a_name_that_stands_there_is_not_given_again() -> None:
    text = (
        "From [EMAIL_1]: write to li.wei88@qq.com, not to zhang_min@163.com, with key sk-proj-a8Kd93LmQz71XwPv02RtYb64."
    )

    assert redact(text, Placeholders("en", [text])) == (
        "From [EMAIL_1]: write to [EMAIL_2], not to [EMAIL_3], with key [SECRET_1]."
    )


def test_json_stays_json_and_a_number_in_it_becomes_a_name() -> None:
    calls = json.dumps([{"name": "dial", "arguments": {"to": 13912045067, "memo": "ask\n139-1204-5067", "times": 3}}])
    turns = (
        Message("user", "Call 13912045067 three times."),
        Message("assistant", "", calls),
        Message("tool", '{"owner": "li.wei88@qq.com", "reached": true}', name="dial"),
        Message("assistant", "Done; li.wei88@qq.com answered."),
    )
    new = redact_row(Sample(0, "t", turns, None, "en", "imported", "calls.json#1"), 1)

    assert json.loads(new.messages[1].tool_calls or "") == [
        {"name": "dial", "arguments": {"to": "[PHONE_1]", "memo": "ask\n[PHONE_1]", "times": 3}}
    ]
    assert new.messages[2].content == '{"owner": "[EMAIL_1]", "reached": true}'
    assert new.answer == "Done; [EMAIL_1] answered."


@pytest.mark.parametrize("deep", [400, 5_000])
def test_json_that_is_nested_too_deeply_is_redacted_like_any_text(deep: int) -> None:
    text = "[" * deep + '"li.wei88@qq.com"' + "]" * deep

    assert redact(text, Placeholders("en")).strip("[]") == '"[EMAIL_1]"'.strip("[]")


def test_private_data_in_a_tool_call_or_a_rejected_answer_is_a_finding() -> None:
    calls = json.dumps([{"name": "dial", "arguments": {"card": 4539148803436467}}])
    turns = (Message("user", "Pay."), Message("assistant", "", calls))
    sample = Sample(0, "t", turns, None, "en", "imported", "calls.json#1", rejected="Mail li.wei88@qq.com.")

    assert measure_row(sample)["privacy"] == ["bank_card", "email"]
    assert measure_row(sample)["privacy_spans"] == ["4539148803436467", "li.wei88@qq.com"]


def key(check: str, answer: str) -> str:
    return json.dumps({"family": "contacts", "check": check, "answer": answer})


def test_an_answer_key_speaks_of_the_redacted_answer_or_goes() -> None:
    sample = replace(row(0, task_messages("Find the number.", "Call 650-636-4812.", "650-636-4812")), answer_key=None)
    exact = redact_row(replace(sample, answer_key=key("exact", "650-636-4812")), 1)
    number = replace(row(0, task_messages("Find it.", "Call 13912045067.", "13912045067")), answer_key=None)

    assert AnswerKey.from_json(exact.answer_key or "").answer == "[PHONE_1]"
    assert measure_row(exact)["answer_check"] == "passed"
    assert redact_row(replace(number, answer_key=key("number", "13912045067")), 1).answer_key is None


PIECES = [text for _, text, _ in PLANTED] + [
    "",
    " ",
    "，",
    "1",
    "a",
    "@",
    ".",
    "+",
    "sk-",
    "Bearer ",
    "\n\n",
    '{"a": ',
    "}",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=4).map("".join)


@given(TEXTS, TEXTS, TEXTS, st.sampled_from(["en", "zh"]))
def test_a_redacted_row_holds_nothing_private_and_redacting_it_again_changes_nothing(
    instruction: str, input_text: str, answer: str, language: str
) -> None:
    calls = json.dumps([{"name": "note", "arguments": {answer: [input_text]}}])
    messages = (*task_messages(instruction, input_text, answer), Message("assistant", answer, calls))
    sample = replace(
        Sample(0, "t", messages, None, language, "imported", "rows.json#1"),
        tools=calls,
        rejected=answer,
        instruction=instruction,
        input=input_text,
    )
    new = redact_row(sample, 1)
    again = redact_row(new, 2)

    assert not any(find_private(text) for text in [*private_texts(new), new.instruction or "", new.input or ""])
    assert measure_row(new)["privacy"] == []
    assert (again.messages, again.rejected, again.instruction) == (new.messages, new.rejected, new.instruction)
    if new.instruction is not None:
        assert new.messages[0].content == compose_prompt(new.instruction, new.input)
    else:
        assert find_private(compose_prompt(instruction, input_text))


@pytest.mark.parametrize("secret", [PEM, JWT])
def test_a_secret_of_many_lines_or_parts_goes_whole(secret: str) -> None:
    assert redact(f"Keep this: {secret}", Placeholders("en")) == "Keep this: [SECRET_1]"
    assert redact(f"密钥：{secret}", Placeholders("zh")) == "密钥：[密钥_1]"


# A folder.


def test_a_redaction_takes_the_place_of_its_row(folder: DatasetFolder) -> None:
    done = redact_folder(folder.root, QUIET)

    assert (done.rows, done.kinds) == (2, {"email": 1, "phone": 2})
    assert reasons(folder) == {
        0: ("redacted", 3),
        1: (None, None),
        2: ("redacted", 4),
        3: (None, None),
        4: (None, None),
    }
    assert [sample.row for sample in published(folder)] == [1, 3, 4]
    assert published(folder)[2].answer == (
        "Your parcel could not be delivered today. Please call [PHONE_1] to choose another day."
    )
    assert done.outcome.report["rows"]["by_reason"] == {"redacted": 2}
    assert pipeline.verify(folder.root) == []
    assert explain_row(folder.root, "2")["sentences"] == ["Redacted as row 4"]
    assert explain_row(folder.root, "2")["other_headline"] == "Row 4, its redaction:"


def test_redacting_again_adds_nothing(folder: DatasetFolder) -> None:
    redact_folder(folder.root, QUIET)
    before = rows_and_decisions(folder)
    done = redact_folder(folder.root, QUIET)

    assert (done.rows, done.kinds) == (0, {})
    assert rows_and_decisions(folder) == before


def test_a_row_that_was_dropped_for_its_secret_comes_back_without_it(tmp_path: Path) -> None:
    messages = task_messages(
        "Say how the job signs in.", None, "It sends sk-proj-a8Kd93LmQz71XwPv02RtYb64 with each call."
    )
    folder = make_folder(tmp_path / "d", [row(0, messages)])
    assert reasons(folder) == {0: ("private_data", None)}

    redact_folder(folder.root, QUIET)

    assert reasons(folder) == {0: ("redacted", 1), 1: (None, None)}
    assert [check.reason for check in folder.read_verdicts()[0].checks] == ["redacted", "private_data"]
    assert published(folder)[0].answer == "It sends [SECRET_1] with each call."


def test_rows_that_differ_only_in_what_was_private_become_one(tmp_path: Path) -> None:
    texts = [f"Please write to {user}@qq.com about the garden gate." for user in ("li.wei88", "zhang_min")]
    folder = make_folder(tmp_path / "d", [row(n, task_messages(text, None, "I will.")) for n, text in enumerate(texts)])
    redact_folder(folder.root, QUIET)

    assert reasons(folder)[3] == ("exact_duplicate", 2)


def test_a_reviewed_row_gets_no_redaction_and_a_later_review_keeps_the_old_one(folder: DatasetFolder) -> None:
    ids = [sample.id for sample in folder.iter_samples()]
    folder.reviews.append(Review(0, ids[0], "keep"))
    assert redact_folder(folder.root, QUIET).rows == 1
    assert reasons(folder)[0] == (None, None)

    folder.reviews.append(Review(2, ids[2], "keep"))
    folder.reviews.append(Review(3, next(s.id for s in folder.iter_samples() if s.row == 3), "drop"))
    pipeline.curate_folder(folder.root, None, (), QUIET)
    assert reasons(folder) == {0: (None, None), 1: (None, None), 2: (None, None), 3: ("reviewed_drop", None)}


def test_a_poor_mark_goes_with_the_redaction(folder: DatasetFolder) -> None:
    marks = pa.table({"row": [2], "judge_score": [1.0], "judge_problem": ["too curt"], "judge_state": ["marked"]})
    folder.write_signal("judge", marks)
    redact_folder(folder.root, QUIET)
    pipeline.curate_folder(folder.root, None, ["filters.min_judge_score=3"], QUIET)

    assert {number: reason for number, (reason, _) in reasons(folder).items() if number in (2, 4)} == {
        2: "redacted",
        4: "judged_poor",
    }


def test_the_report_and_the_command_count_redacted_rows_in_both_languages(
    folder: DatasetFolder, seedbed: Seedbed
) -> None:
    as_json = json.loads(seedbed("redact", folder.root, "-q", "--json").out)
    assert as_json["redacted"] == {"rows": 2, "kinds": {"email": 1, "phone": 2}}
    assert as_json["rows"]["by_reason"] == {"redacted": 2}

    assert seedbed("redact", folder.root, "-q").out.startswith(f"{folder.root}: 0 rows redacted\n")
    assert "Replaced by its redaction" in folder.report_html.read_text(encoding="utf-8")
    pipeline.rewrite_report(folder.root, "zh")
    assert "已换成脱敏后的行" in folder.report_html.read_text(encoding="utf-8")


# Kills.


def test_a_folder_whose_redaction_was_killed_is_whole_after_the_next_run(tmp_path: Path) -> None:
    number = "650-636-48{:02d}"
    samples = [
        row(
            n,
            task_messages(f"Write note {n} of the courier.", None, f"Parcel {n}: please call {number.format(n + 10)}."),
        )
        for n in range(60)
    ]
    whole = make_folder(tmp_path / "whole", samples)
    redact_folder(whole.root, QUIET)
    killed = make_folder(tmp_path / "killed", samples)
    command = [sys.executable, "-m", "builder", "redact", str(killed.root), "-q"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and len(killed.parts(killed.samples)) == 1:
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    assert killed.count_samples() == 120
    redact_folder(killed.root, QUIET)
    assert killed.count_samples() == 120
    assert reasons(killed) == reasons(whole)
    assert pipeline.verify(killed.root) == []
    assert [sample.messages for sample in published(killed)] == [sample.messages for sample in published(whole)]


def test_a_file_of_any_name_drops_no_row(tmp_path: Path) -> None:
    """A file named `redacted:0:x.jsonl` once dropped row 0 of the whole dataset."""
    rows = [{"instruction": f"Name {n} trees of the north.", "output": f"{n} of them: oak and birch."} for n in (3, 5)]
    for name, one in zip(("a.jsonl", "redacted:0:x.jsonl"), rows, strict=True):
        (tmp_path / name).write_text(json.dumps(one) + "\n", encoding="utf-8")
    files = [tmp_path / "a.jsonl", tmp_path / "redacted:0:x.jsonl"]
    pipeline.curate_files(files, load_settings(None, ["novelty.threshold=1"], {}), tmp_path / "d", QUIET)
    folder = DatasetFolder(tmp_path / "d")
    assert [sample.source for sample in folder.iter_samples()] == ["a.jsonl#1", "redacted:0:x.jsonl#1"]
    assert reasons(folder) == {0: (None, None), 1: (None, None)}


def test_redactions_of_an_older_version_still_stand_for_their_rows(tmp_path: Path) -> None:
    """Before the column, `source` said which row a row is the redaction of."""
    folder = make_folder(tmp_path / "d", [row(0, ENGLISH), row(1, CLEAN)])
    redact_folder(folder.root, QUIET)
    (part,) = [path for path in folder.samples.glob("*.parquet") if pq.read_metadata(path).num_rows == 1]
    table = pq.read_table(part)
    sources = pa.array(
        [f"redacted:{of}:{source}" for of, source in table.select(["redaction_of", "source"]).to_pandas().values]
    )
    old = table.drop_columns(["redaction_of"])
    pq.write_table(old.set_column(old.column_names.index("source"), "source", sources), part)
    assert [sample.redaction_of for sample in folder.iter_samples()] == [None, None, 0]


def test_a_redaction_of_a_grown_row_is_no_candidate_and_counts_in_its_place(tmp_path: Path) -> None:
    grown = [replace(row(n, messages), origin="generated") for n, messages in enumerate([CHINESE, ENGLISH, CLEAN])]
    folder = make_folder(tmp_path / "d", grown)
    pipeline.curate_folder(folder.root, None, ["target=3"], QUIET)
    report = redact_folder(folder.root, QUIET).outcome.report

    assert report["candidates"]["admitted"] == 3
    assert report["target"] == {"wanted": 3, "reached": 3}
    assert report["rows"]["total"] == 5
