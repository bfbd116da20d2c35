import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from builder.config import Train
from builder.errors import EndpointError, UsageError
from builder.schema import Message, Sample
from trainer.preflight import prepare

Publish = Callable[[Sequence[Sample], Sequence[Sample]], Path]


@pytest.fixture
def folder(publish: Publish) -> Path:
    turns = (Message("user", "你好吗?"), Message("assistant", "很好。"))
    return publish([Sample(0, "t", turns, None, "zh", "seed", "test")], [])


def test_rows_are_verified_before_any_weights_load(folder: Path, tmp_path: Path) -> None:
    prepared = prepare(folder, tmp_path / "run", Train())
    assert len(prepared.train) == 1
    assert prepared.validation == []
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Train(model="scratch:huge"), "unknown scratch model"),
        (Train(template="chatlm"), "did you mean 'chatml'"),
        (Train(max_length=9000), "more than the 4,096"),
        (Train(tuning="lora"), "starts from random weights"),
        (Train(packing=True), "train.packing"),
        (Train(model="/nowhere/model"), "neither a model folder nor a name"),
        (Train(model="a/b/c"), "neither a model folder nor a name"),
        (Train(template="alpaca", max_length=16), "no training row is left: 1 rows read, 0 used, 1 left out"),
    ],
)
def test_what_cannot_work_is_said_with_its_key(folder: Path, tmp_path: Path, settings: Train, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        prepare(folder, tmp_path / "run", settings)


def test_a_finished_run_is_never_overwritten(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({}))
    with pytest.raises(UsageError, match="holds a finished run"):
        prepare(folder, tmp_path, Train())


def test_a_file_in_the_way_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(UsageError, match="is not a folder"):
        prepare(folder, tmp_path / "run", Train())


def test_a_folder_without_a_model_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no config\.json"):
        prepare(folder, tmp_path / "run", Train(model=str(tmp_path)))


def test_without_a_network_the_advice_comes_at_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.model.constants.ENDPOINT", "https://no-such-host.invalid")
    for proxy in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(proxy, raising=False)
    with pytest.raises(EndpointError, match="which needs no download"):
        prepare(folder, tmp_path / "run", Train(model="nobody/no-such-model"))
