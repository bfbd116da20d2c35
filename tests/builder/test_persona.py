"""The recipe `persona`: people of a file or of the teacher, whose requests name them."""

from pathlib import Path

import pytest

from builder.errors import InputFileError, UsageError
from builder.generation.pool import Pool
from builder.pipeline import build
from builder.pipeline.estimating import estimate
from builder.pipeline.sources import read_sources
from builder.recipes import RECIPES
from builder.recipes.persona import load
from builder.recipes.recipe import Ask, Draft
from builder.requests.completion import Completion
from builder.settings_file import load_settings
from tests.builder.recipe_jobs import JOBS
from tests.builder.references import FEW_SEEDS
from tests.builder.test_growing import QUIET, rows

TXT = "A tram driver who plans her retirement\n\n想改开面馆的出租车司机\n"
ALONE = ("growth.recipes={persona: 1}", "growth.languages={en: 1, zh: 1}", "split.min_validation_rows=0", FEW_SEEDS)


def written(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("name", "text", "numbers"),
    [
        ("people.txt", TXT, (1, 3)),
        (
            "people.jsonl",
            '{"persona": "A tram driver who plans her retirement"}\n"想改开面馆的出租车司机"\n',
            (1, 2),
        ),
        (
            "people.csv",
            '\ufeffid,persona\n7,A tram driver who plans her retirement\n8,"想改开面馆的出租车司机"\n',
            (1, 2),
        ),
    ],
)
def test_people_are_read_with_their_places(tmp_path: Path, name: str, text: str, numbers: tuple[int, int]) -> None:
    settings = load_settings(None, [*ALONE, f"growth.personas=[{written(tmp_path, name, text)}]"], {})
    assert [(one.text, one.source, one.language) for one in load(settings.growth)] == [
        ("A tram driver who plans her retirement", f"{name}#{numbers[0]}", "en"),
        ("想改开面馆的出租车司机", f"{name}#{numbers[1]}", "zh"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "encoding", "said"),
    [
        ("p.jsonl", '{"persona": "A cook"}\n{"name": "Ann"}\n{"persona"\n', "utf-8", "rows 2, 3 describe nobody"),
        ("p.csv", "who,what\na,b\n", "utf-8", "rows 1 describe nobody"),
        ("p.txt", "\n\n", "utf-8", "describes nobody"),
        ("p.txt", "x" * 1001, "utf-8", "rows 1 describe nobody in at most 1000 characters"),
        ("p.txt", "数学老师", "gb18030", "is not UTF-8"),
        ("p.xlsx", "A cook", "utf-8", "ends in .txt, .jsonl or .csv"),
    ],
)
def test_mistakes_in_a_file_are_one_error(tmp_path: Path, name: str, text: str, encoding: str, said: str) -> None:
    path = written(tmp_path, name, text, encoding)
    with pytest.raises(InputFileError, match=said) as caught:
        load(load_settings(None, [*ALONE, f"growth.personas=[{path}]"], {}).growth)
    assert name in str(caught.value)


def test_people_of_no_language_that_is_grown(tmp_path: Path) -> None:
    path = written(tmp_path, "p.txt", "想改开面馆的出租车司机\n")
    with pytest.raises(UsageError, match="nobody is described in en"):
        load(load_settings(None, [*ALONE[:1], "growth.languages={en: 1}", f"growth.personas=[{path}]"], {}).growth)


def test_a_request_is_of_whom_it_names_else_of_whose_turn_it_is() -> None:
    job = JOBS["persona.en"]
    tasks = [f'{{{who} "instruction": "Do {n}.", "output": "x"}}' for n, who in enumerate(('"person": 2,', ""))]
    reading = RECIPES["persona"].proceed(job, [Completion(f'{{"tasks": [{", ".join(tasks)}]}}', "stop", 1, 1)])
    assert not isinstance(reading, Ask)
    assert [one.source for one in reading.found if isinstance(one, Draft)] == ["people.txt#2", "people.txt#2"]


def test_everybody_of_a_file_is_asked_for_as_often_as_anybody_else(tmp_path: Path) -> None:
    people = written(tmp_path, "p.txt", "".join(f"A baker in town number {n}\n" for n in range(6)))
    asked = [
        *ALONE[:1],
        "growth.languages={en: 1}",
        "growth.tasks_per_request=4",
        f"growth.personas=[{people}]",
        FEW_SEEDS,
    ]
    sources = read_sources(load_settings(None, asked, {}))
    pool = Pool(sources.settings, [task for task, _ in sources.seeds], sources.pieces)
    named = [one["source"] for number in range(3) for one in pool.build(number).material["people"]]
    assert sorted(named) == sorted(f"p.txt#{n}" for n in range(1, 7) for _ in range(2))


@pytest.mark.parametrize("of_a_file", [True, False])
def test_grows_names_its_people_and_is_the_same_again(tmp_path: Path, of_a_file: bool) -> None:
    more = [f"growth.personas=[{written(tmp_path, 'p.txt', TXT)}]"] if of_a_file else []
    settings = load_settings(None, [*ALONE, *more, "target=40"], {})
    assert estimate(settings).remaining["likely"].requests == (9 if of_a_file else 17)
    for name in ("one", "two"):
        build(settings, tmp_path / name, QUIET)
    grown = [row for row in rows(tmp_path / "one") if row["origin"] == "generated"]
    assert {row["language"] for row in grown} == {"en", "zh"}
    if of_a_file:
        assert {row["source"] for row in grown} == {"p.txt#1", "p.txt#3"}
    else:
        assert all(row["source"].startswith("persona:") and len(row["source"]) > 20 for row in grown)
    assert grown == [row for row in rows(tmp_path / "two") if row["origin"] == "generated"]
