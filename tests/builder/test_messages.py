"""Messages: English as they stand, whole in the reader's language, two languages at once."""

import json
import pickle
import re
import threading
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from builder import pipeline
from builder.config import Settings
from builder.errors import InputFileError, nearest
from builder.language import Language
from builder.language.messages import Message, listed, paired, worded
from builder.progress import Reporter

ROOT = Path(__file__).parents[2]
PLACE = re.compile(r"\{(\w+)[^{}]*\}")


def test_a_message_is_its_english_text() -> None:
    said = worded("{path}: {problem}", path="a.json", problem=worded("run the same command again to go on"))
    assert said == "a.json: run the same command again to go on"
    assert (said.template, said.into("en")) == ("{path}: {problem}", "a.json: run the same command again to go on")


def test_values_that_are_messages_are_said_in_the_same_language() -> None:
    error = InputFileError("a.json", worded("run the same command again to go on"), row=3)
    assert isinstance(error.message, Message)
    assert error.message == "a.json, row 3: run the same command again to go on"
    assert error.message.into("zh") == "a.json 第 3 行：再运行同一条命令即可接着做"
    assert (
        listed([worded("run the same command again to go on"), "b"], "; ").into("zh") == "再运行同一条命令即可接着做；b"
    )


def test_one_is_one_in_english() -> None:
    said = [worded("{count} rows", one="{count} row", count=count) for count in (0, 1, 2)]
    assert said == ["0 rows", "1 row", "2 rows"]
    assert {message.template for message in said} == {"{count} rows"}


def test_a_message_goes_to_another_process_as_it_is() -> None:
    sent = pickle.dumps(worded("{path}: {problem}", path="a", problem=worded("run the same command again to go on")))
    said = pickle.loads(sent)  # noqa: S301 - our own
    assert said.into("zh") == "a：再运行同一条命令即可接着做"


def test_what_the_user_gave_is_never_taken_for_a_template() -> None:
    said = worded(
        "{path}: {problem}",
        path="{problem} {0} {path.__class__}",
        problem=worded("run the same command again to go on"),
    )
    assert said == "{problem} {0} {path.__class__}: run the same command again to go on"
    assert said.into("zh") == "{problem} {0} {path.__class__}：再运行同一条命令即可接着做"


def test_near_words_and_pairs() -> None:
    assert nearest("sead", ["seed", "other"]).into("zh") == "，是不是想写 'seed'？"
    assert nearest("xyz", ["seed"]).into("zh") == nearest("xyz", ["seed"]) == ""
    assert paired("Judge", "评审").into("zh") == "评审"


def test_every_template_in_the_source_has_its_chinese_and_no_entry_is_left_over() -> None:
    with (ROOT / "builder/language/zh.po").open("rb") as file:
        entries = {str(entry.id): str(entry.string) for entry in read_po(file, locale="zh") if entry.id}
    used = {
        template if isinstance(template, str) else template[0]
        for part in ("builder", "trainer")
        for _, _, template, _, _ in extract_from_dir(ROOT / part, [("**.py", "python")], keywords={"worded": None})
    }
    used = {template for template in used if re.search("[A-Za-z]{2}", PLACE.sub("", template)) or template in entries}
    assert used - set(entries) == set()
    assert set(entries) - used == set()
    for template, chinese in entries.items():
        assert set(PLACE.findall(chinese.replace("{{", ""))) <= set(PLACE.findall(template.replace("{{", ""))), template


def test_two_threads_curate_in_two_languages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.json").write_text(
        json.dumps([{"instruction": "Name a warm colour.", "output": "Red."}] * 2), encoding="utf-8"
    )
    said: dict[Language, list[str]] = {"en": [], "zh": []}
    together = threading.Barrier(2)

    class Heard(Reporter):
        def say(self, text: str) -> None:
            from builder.language.chinese import told

            said[self.language].append(told(text, self.language))

    def curate(language: Language) -> None:
        together.wait(60)
        settings = Settings.model_validate({"report": {"language": "en" if language == "zh" else "zh"}})
        pipeline.curate_files([tmp_path / "a.json"], settings, tmp_path / language, Heard(language=language))

    threads = [threading.Thread(target=curate, args=(language,)) for language in said]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert said["en"]
    assert len(said["en"]) == len(said["zh"])
    assert not any(re.search("[\u4e00-\u9fff]", line) for line in said["en"])
    assert all(re.search("[\u4e00-\u9fff]", line) for line in said["zh"])
    assert not any(re.search(r"\b(rows?|of|is|are|the)\b", line) for line in said["zh"])
