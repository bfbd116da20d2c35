"""What `import builder` offers: the names, the shapes, the examples and the page about it."""

import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd  # type: ignore[import-untyped]
import polars as pl
import pyarrow as pa
import pytest

import builder
from builder import Dataset, Filters, SeedbedError, Settings, build, curate, estimate
from builder.dataset import Chosen
from builder.errors import InputFileError, UsageError
from builder.schema import Verdict
from tests.builder.references import FEW_SEEDS

ROOT = Path(__file__).parents[1]
ROWS = [
    {"instruction": "Name a warm colour.", "output": "Red."},
    {"instruction": "Name a warm colour.", "output": "Red."},
    {"instruction": "Who wrote Faust?", "output": "I'm sorry, but I can't help with that."},
    {"instruction": "说出一种颜色。", "output": "红色。"},
]


@pytest.fixture
def made(tmp_path: Path) -> Dataset:
    return curate(ROWS, out=tmp_path / "ours")


def test_the_door_has_these_names_and_no_others() -> None:
    assert builder.__all__ == ["Dataset", "Filters", "SeedbedError", "Settings", "build", "curate", "estimate", "judge"]
    for name in builder.__all__:
        assert inspect.getdoc(getattr(builder, name))
    with pytest.raises(AttributeError, match="no attribute 'curat'"):
        builder.curat  # noqa: B018


@pytest.mark.parametrize(
    "offered",
    [build, curate, estimate, builder.judge, *(one for name, one in vars(Dataset).items() if not name.startswith("_"))],
    ids=lambda one: getattr(one, "__name__", "open"),
)
def test_every_parameter_is_documented_and_typed(offered: Any) -> None:
    function = offered.__func__ if isinstance(offered, classmethod) else offered
    text = inspect.getdoc(function) or ""
    for name, parameter in inspect.signature(function).parameters.items():
        if name in ("self", "cls"):
            continue
        assert parameter.annotation is not inspect.Parameter.empty
        assert f"{name}:" in text or len(inspect.signature(function).parameters) == 2, name


def test_the_door_opens_at_once() -> None:
    heavy = "assert not {'polars', 'pyarrow', 'duckdb', 'pydantic', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", f"import sys, builder; {heavy}; builder.Settings; dir(builder)"], check=True)


def test_the_filters_of_the_door_are_those_of_the_command() -> None:
    assert list(Chosen.__annotations__) == list(Filters.__dataclass_fields__)


@pytest.mark.parametrize(
    "as_object",
    [pl.DataFrame, pd.DataFrame, pa.Table.from_pylist, list, lambda rows: pl.DataFrame(rows).lazy()],
    ids=["polars", "pandas", "pyarrow", "list", "lazy"],
)
def test_any_frame_gives_the_same_verdicts(tmp_path: Path, made: Dataset, as_object: Callable[[Any], Any]) -> None:
    again = curate(as_object(ROWS), out=tmp_path / "again")
    assert again.rows(["row", "kept", "reason", "prompt", "answer"]).equals(
        made.rows(["row", "kept", "reason", "prompt", "answer"])
    )
    assert made.rows(["row", "kept", "reason", "prompt", "answer"]).rows() == [
        (0, True, None, "Name a warm colour.", "Red."),
        (1, False, "exact_duplicate", "Name a warm colour.", "Red."),
        (2, False, "refusal", "Who wrote Faust?", "I'm sorry, but I can't help with that."),
        (3, True, None, "说出一种颜色。", "红色。"),
    ]


def test_files_are_read_as_the_command_reads_them(tmp_path: Path) -> None:
    for name, rows in (("a.json", ROWS[:2]), ("b.json", ROWS[2:])):
        (tmp_path / name).write_text(json.dumps(rows), encoding="utf-8")
    one = curate(str(tmp_path / "a.json"), out=tmp_path / "one")
    both = curate([tmp_path / "a.json", str(tmp_path / "b.json")], out=tmp_path / "both")
    assert (len(one), len(both)) == (2, 4)
    assert repr(both) == f"Dataset('{tmp_path}/both': 2 of 4 rows are kept)"


def test_rows_are_chosen_counted_and_asked_for(made: Dataset) -> None:
    assert made.rows(["row"], kept=False)["row"].to_list() == [1, 2]
    assert made.rows(["row"], language="zh")["row"].to_list() == [3]
    assert made.rows(["row"], search="颜色")["row"].to_list() == [3]
    assert made.rows(["row"], sort="row", descending=True, limit=2)["row"].to_list() == [3, 2]
    assert {facet.value: facet.rows for facet in made.counts()} == {None: 2, "exact_duplicate": 1, "refusal": 1}
    assert made.query("SELECT count(*) AS n FROM rows WHERE kept").item() == 2
    assert [sample.row for sample in made.samples()] == [0, 3]
    row = made.row(2)
    assert isinstance(row.verdict, Verdict)
    assert (row.sample.answer, row.verdict.reason) == ("I'm sorry, but I can't help with that.", "refusal")


def test_people_decide(made: Dataset) -> None:
    made.review(2, "edit", reviewer="li", answer="Goethe.", note="known")
    made.review(0, "drop", reviewer="ana")
    assert made.rows(["row"], kept=True)["row"].to_list() == [0, 3]  # until it is decided again
    assert made.decide() is not made
    assert made.rows(["row", "answer"], kept=True).rows() == [(1, "Red."), (3, "红色。"), (4, "Goethe.")]
    assert [one.reviewer for one in made.row(2).reviews] == ["li"]
    assert made.diff().changes["dropped"] == 1
    assert made.verify() == []


def test_settings_are_given_as_an_object_a_file_or_sections(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("balance: {phrasings: 3}\n", encoding="utf-8")
    given: list[Any] = [Settings(balance={"phrasings": 3}), file, str(file)]  # type: ignore[arg-type]
    for place, settings in enumerate(given):
        dataset = curate(ROWS, out=tmp_path / f"d{place}", settings=settings, novelty={"threshold": 0.9}, seed=7)
        said = (dataset.path / "seedbed.yaml").read_text(encoding="utf-8")
        assert "phrasings: 3\n" in said
        assert "threshold: 0.9\n" in said
        assert "seed: 7\n" in said
    dataset.decide(novelty={"threshold": 0.5})
    assert "threshold: 0.5\n" in (dataset.path / "seedbed.yaml").read_text(encoding="utf-8")


def test_a_small_dataset_is_grown_and_estimated(tmp_path: Path) -> None:
    key, _, value = FEW_SEEDS.partition("=")
    assert key == "seeds.files"
    seeds = {"files": [value.strip("[]")]}
    expected = estimate(target=12, seeds=seeds)
    assert expected.target == 12
    dataset = build(out=tmp_path / "grown", target=12, seeds=seeds, split={"min_validation_rows": 0})
    assert dataset.ending is None
    assert dataset.status().rows["kept"] == 12
    assert dataset.report().figures["target"] == {"wanted": 12, "reached": 12}
    assert dataset.report("zh").figures["language"] == "zh"
    assert dataset.export("trl", tmp_path / "grown.jsonl").rows == 12


@pytest.mark.parametrize(
    ("mistake", "kind", "said"),
    [
        (
            lambda d: d.decide(novelty={"treshold": 1}),
            UsageError,
            "novelty.treshold (argument): unknown setting, did you",
        ),
        (lambda d: d.decide(novelty=3), UsageError, "novelty"),
        (lambda d: d.decide(novel={"threshold": 1}), UsageError, "did you mean 'novelty'"),
        (lambda d: d.rows(kpt=True), UsageError, "there is no filter kpt"),
        (lambda d: d.rows(reason="refusl"), UsageError, "did you mean 'refusal'"),
        (lambda d: d.rows(["rwo"]), UsageError, "there is no column rwo, did you mean 'row'"),
        (lambda d: d.row(99), InputFileError, "no row 99"),
        (lambda d: d.query("select nope from rows"), UsageError, "there is no column nope"),
        (lambda d: d.review(0, "drop", reviewer=""), UsageError, "a name is needed"),
        (lambda d: d.review(0, "edit", reviewer="li"), UsageError, "an edit needs an answer"),
        (lambda d: curate(ROWS, out=d.path), UsageError, "holds a dataset already"),
        (lambda d: curate(5, out=d.path.with_name("x")), UsageError, "builtins.int is not read"),
        (lambda d: build(target=0), UsageError, "target (argument): input should be greater than or equal to 1"),
        (lambda d: Dataset.open("/nowhere"), InputFileError, "no such dataset folder"),
    ],
)
def test_mistakes_are_told_with_the_way_out(
    made: Dataset, mistake: Callable[[Dataset], object], kind: type[SeedbedError], said: str
) -> None:
    with pytest.raises(kind, match=re.escape(said)) as caught:
        mistake(made)
    assert caught.value.remedy
    assert made.verify() == []


def run(source: str, folder: Path) -> str:
    """What a script prints, run in a process and a folder of its own."""
    script = folder / "script.py"
    script.write_text(source, encoding="utf-8")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SEEDBED_")}
    ended = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        cwd=folder,
        env=clean | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    return ended.stdout


def test_the_script_runs(tmp_path: Path) -> None:
    out = run((ROOT / "examples" / "curate_a_frame.py").read_text(encoding="utf-8"), tmp_path)
    assert [line.strip() for line in out.splitlines()[1:4]] == [
        "row 1 went: too_similar (How do I descale the kettle, please?)",
        "row 2 went: wrong_sum (What is 17 times 23?)",
        "row 4 went: refusal (退货要几天？)",
    ]
    assert out.splitlines()[-1].endswith("3 of 6 rows are kept)")


def test_the_notebook_runs(tmp_path: Path) -> None:
    notebook = json.loads((ROOT / "examples" / "first_look.ipynb").read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(cells) == 7
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
    assert run("\n".join("".join(cell["source"]) for cell in cells), tmp_path) == "refusal 很抱歉，我无法回答\n"


@pytest.mark.parametrize("page", ["library.md", "library.zh.md"])
def test_the_page_about_it_is_true(tmp_path: Path, page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 4
    assert run("\n".join(blocks), tmp_path) == ""
