from pathlib import Path

import pytest

from builder.config import Settings
from builder.errors import UsageError
from builder.settings_file import dump_settings, load_settings, setting_keys, settings_from_mapping


def message(overrides: list[str], **environ: str) -> str:
    with pytest.raises(UsageError) as caught:
        load_settings(None, overrides, environ)
    return str(caught.value)


def test_all_mistakes_are_reported_at_once_with_the_nearest_word() -> None:
    text = message(["novelty.treshold=0.8", "target=-1", "growth.categories=[mathematic]"])
    assert "2 mistakes" in text
    assert "novelty.treshold (--set): unknown setting, did you mean 'threshold'?" in text
    assert "target (--set): input should be greater than or equal to 1" in text
    assert "did you mean 'mathematics'?" in message(["growth.categories=[mathematic]"])


def test_a_mistake_names_what_gave_the_value(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("seed: x\nsplit: {validation_share: 3}\n", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_settings(
            file, ["novelty.threshold=7"], {"SEEDBED_BUDGET_MAX_COST": "-1"}, {"report.language": "fr", "target": 0}
        )
    assert str(caught.value).splitlines()[:-1] == [
        f"{file}: 6 mistakes",
        "  - seed: input should be a valid integer, unable to parse string as an integer",
        "  - target (--target): input should be greater than or equal to 1",
        "  - budget.max_cost ($SEEDBED_BUDGET_MAX_COST): input should be greater than 0",
        "  - novelty.threshold (--set): input should be less than or equal to 1",
        "  - split.validation_share: input should be less than 1",
        "  - report.language (--language): input should be 'zh' or 'en'",
    ]


@pytest.mark.parametrize("name", ["SEEDBED_TARGT", "SEEDBED_NOVELTY_TRESHOLD", "SEEDBED_CASHE"])
def test_a_variable_that_is_no_setting_is_named(name: str) -> None:
    assert f"${name}: there is no such setting, did you mean 'SEEDBED_" in message([], **{name: "1"})
    assert load_settings(None, [], {"SEEDBED_CACHE": "/tmp/x", "SEEDBED_REVIEWER": "li"}) == Settings()


def test_a_key_of_another_section_is_found() -> None:
    assert "did you mean 'novelty.threshold'?" in message(["threshold=0.8"])


def test_keys_are_never_settings_and_are_not_echoed() -> None:
    text = message(["teacher.api_key=sk-planted"])
    assert "environment variable" in text
    assert "sk-planted" not in text
    text = message(["teacher.base_url=http://me:sk-planted@host/v1"])
    assert "must not carry a user name or password" in text
    assert "sk-planted" not in text


def test_flag_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("target: 10\nnovelty: {threshold: 0.5}\nseed: 3\n", encoding="utf-8")
    settings = load_settings(
        file, ["target=30"], {"SEEDBED_TARGET": "20", "SEEDBED_NOVELTY_THRESHOLD": "0.6", "OTHER": "x"}
    )
    assert (settings.target, settings.novelty.threshold, settings.seed, settings.split.max_similarity) == (
        30,
        0.6,
        3,
        0.6,
    )


def test_what_is_dumped_is_read_back(tmp_path: Path) -> None:
    settings = load_settings(None, ["name=中文数据", "balance.caps={mathematics/zh: 5}", "train.max_minutes=2.5"], {})
    file = tmp_path / "seedbed.yaml"
    file.write_text(dump_settings(settings), encoding="utf-8")
    assert load_settings(file, [], {}) == settings


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("target: [1", "line 1"),
        ("- a\n- b\n", "expected `key: value` lines at the top level, found a list"),
        ("teacher: 5\n", "teacher:"),
        ("name: a/b\n", "must be a plain folder name"),
        ("growth: {human_demonstrations: 9}\n", "must not exceed demonstrations"),
    ],
)
def test_a_broken_file_is_named_with_its_place(tmp_path: Path, content: str, expected: str) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=r"broken\.yaml") as caught:
        load_settings(file, [], {})
    assert expected in str(caught.value)


def test_a_missing_file_names_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="seedbed init"):
        load_settings(tmp_path / "none.yaml", [], {})


def test_an_override_without_a_value_is_refused() -> None:
    assert "expected key=value" in message(["target"])


def test_every_key_has_its_own_environment_name() -> None:
    names = [key.upper().replace(".", "_") for key in setting_keys()]
    assert len(names) == len(set(names))


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().__setattr__("target", 5)


def test_a_mapping_is_checked_like_a_file() -> None:
    with pytest.raises(UsageError, match="demo: 1 mistake"):
        settings_from_mapping({"targt": 3}, "demo")
