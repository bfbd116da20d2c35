"""What `evolve` makes, from an endpoint to the published rows: held to its own rule, and not to that of the scan."""

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from builder import pipeline
from builder.progress import Reporter
from builder.settings_file import load_settings
from builder.similarity import similarity
from builder.store.dataset_folder import DatasetFolder
from builder.text import tokenise
from tests.endpoint import completion, serving

SEEDS = {
    "Plan a picnic for a family of five.": "Bread, cheese and a walk to the lake.",
    "Name a good book about bees.": "The Buzz About Bees, by Jürgen Tautz.",
    "把春游的时间安排写下来。": "九点出发，十二点野餐，四点返校。",
}
# Of one length, and none of them in another: children of one parent share all but these.
ENGLISH = [
    "gulls, tides, lamps",
    "ropes, knots, sails",
    "maps, rain, boots",
    "salt, smoke, herring",
    "bells, fog, oars",
]
CHINESE = ["灯塔和海鸥", "雨靴跟地图", "鲱鱼与炊烟", "缆绳及船帆", "浓雾同铜钟"]


@contextmanager
def deepening() -> Iterator[str]:
    """An endpoint that makes a richer task of the one it is shown, by a few words of its own each time."""
    more = {"en": itertools.cycle(ENGLISH), "zh": itertools.cycle(CHINESE)}

    async def chat(request: Request) -> JSONResponse:
        prompt = json.loads(await request.body())["messages"][0]["content"]
        shown = next(line for line in prompt.splitlines() if line.startswith('{"instruction"'))
        parent = json.loads(shown)["instruction"]
        language = "zh" if "语言：中文" in prompt else "en"
        words = next(more[language])
        instruction = f"{parent}要提到{words}。" if language == "zh" else f"{parent} Mention {words}."
        answer = f"写好了，提到了{words}。" if language == "zh" else f"Here it is, with {words} in it."
        task = {"instruction": instruction, "instances": [{"input": "", "output": answer}]}
        return JSONResponse(completion(json.dumps({"tasks": [task]}, ensure_ascii=False)))

    with serving(Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])) as url:
        yield url


def test_children_of_short_seeds_are_admitted_and_kept_in_both_languages(tmp_path: Path) -> None:
    seeds = tmp_path / "seeds.jsonl"
    lines = [{"instruction": text, "instances": [{"input": "", "output": answer}]} for text, answer in SEEDS.items()]
    seeds.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    with deepening() as url:
        overrides = ["target=10", f"seeds.files=[{seeds}]", "growth.recipes={evolve: 1}", "teacher.provider=openai"]
        overrides += [f"teacher.base_url={url}", "teacher.model=m", "teacher.concurrency=1", "seeds.publish=true"]
        settings = load_settings(None, [*overrides, "split.validation_share=0"], environ={})
        pipeline.build(settings, tmp_path / "out", Reporter(quiet=True), {"OPENAI_API_KEY": "k"})
    folder = DatasetFolder(tmp_path / "out")
    samples = list(folder.iter_samples())
    verdicts = folder.verdicts_table(["row", "kept", "reason"]).to_pylist()
    by_task = {sample.task_id: sample for sample in samples}
    children = [sample for sample in samples if sample.source.startswith("evolve:")]
    # By the rule of the scan nearly all would go: each is that close to its parent or to what else came of it.
    close = [
        child
        for child in children
        if similarity(*(tokenise(s.instruction or "") for s in (child, by_task[child.parents[0]]))) > 0.7
    ]
    assert len(close) >= 5
    assert {sample.language for sample in close} == {"en", "zh"}
    assert [verdict for verdict in verdicts if not verdict["kept"]] == []
    assert len(children) == 10
    rejected = folder.rejections_table().to_pylist()
    assert [one for one in rejected if one["threshold"] == 0.7] == []
