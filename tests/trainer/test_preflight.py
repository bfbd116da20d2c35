import json
import resource
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from builder.config import Train
from builder.errors import DiskError, EndpointError, UsageError
from builder.schema import Message, Sample
from trainer.data import read_published
from trainer.model import load_model, load_saved_model, load_tokenizer, saving
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
        (Train(model="千问"), "neither a model folder nor a name"),
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
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("run", "link"):
        with pytest.raises(UsageError, match=f"{name} is not a folder"):
            prepare(folder, tmp_path / name, Train())


def test_a_folder_without_a_model_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no config\.json"):
        prepare(folder, tmp_path / "run", Train(model=str(tmp_path)))


def test_a_model_that_cannot_be_loaded_is_named_with_what_is_wrong(folder: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(Train(), read_published(folder).train).tokenizer
    model = tmp_path / "model"
    load_model(Train(), tokenizer, 0).save_pretrained(model)
    tokenizer.save_pretrained(model)
    config, weights = model / "config.json", model / "model.safetensors"
    prepare(folder, tmp_path / "run", Train(model=str(model)))
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(UsageError, match=r"model holds no model that can be loaded \(.*file not fully covered"):
        load_saved_model(str(model))
    whole = json.loads(config.read_text())
    for wrong, said in (({"model_type": "qwen99"}, "qwen99"), ({"hidden_size": "wide"}, "hidden_size")):
        config.write_text(json.dumps({**whole, **wrong}))
        with pytest.raises(UsageError, match=rf"(?s)model holds no \w+ that can be loaded \(.*{said}"):
            prepare(folder, tmp_path / "run", Train(model=str(model)))


@pytest.fixture
def small_files_only() -> Iterator[None]:
    """No file may grow beyond 9 KB: the kernel refuses the write as it does on a full disk."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.usefixtures("small_files_only")
@pytest.mark.parametrize(("save", "why"), [(save_file, "File too large"), (torch.save, "could not be written whole")])
def test_weights_that_do_not_fit_on_the_disk_are_the_disks_fault(
    tmp_path: Path, save: Callable[[dict[str, torch.Tensor], Path], None], why: str
) -> None:
    weights = {"w": torch.zeros(100_000)}
    with pytest.raises(DiskError, match=why), saving(tmp_path):
        save(weights, tmp_path / "w")


def test_without_a_network_the_advice_comes_at_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.model.constants.ENDPOINT", "https://no-such-host.invalid")
    for proxy in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(proxy, raising=False)
    with pytest.raises(EndpointError, match="which needs no download"):
        prepare(folder, tmp_path / "run", Train(model="nobody/no-such-model"))
