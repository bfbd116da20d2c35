"""What TRL makes of exports and of `publish/`, with every chat template that it ships.

    python -m benchmarks.exports [--seeds 40] [--first 0]

First table: SFTTrainer's own preparation of rows, by template; `tools` counts the templates that take the rows with tools, `all`
those that take every row. `as text` is what exports were until tools were wrapped and arguments became objects. Then DPOTrainer's
preparation of the preference file. Last: `publish/` through `load_dataset` into SFTTrainer, each time in a process of its own with
another PYTHONHASHSEED. Exits with 1 where a preparation of today's files fails in all templates, or in any seed.
"""

import argparse
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"

from builder import pipeline
from builder.formats.messages import write_turns
from builder.formats.writing import export
from builder.progress import Reporter
from builder.schema import Message, Sample
from builder.settings_file import load_settings

_TOOLS = json.dumps(
    [
        {"name": "weather", "description": "Weather of a city", "parameters": _parameters}
        for _parameters in ({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},)
    ]
    + [{"name": "clock", "description": "The time", "parameters": {"type": "object", "properties": {}}}]
)


def _calls(*calls: tuple[str, dict[str, Any]]) -> str:
    return json.dumps([{"name": name, "arguments": arguments} for name, arguments in calls], ensure_ascii=False)


def _sample(row: int, *turns: Message, tools: str | None = None, rejected: str | None = None) -> Sample:
    return Sample(row, f"t{row}", turns, None, "en", "imported", "s", tools=tools, rejected=rejected)


PLAIN = [
    _sample(0, Message("user", "Name the capital of Portugal."), Message("assistant", "Lisbon.")),
    _sample(
        1, Message("user", "2 + 2?"), Message("assistant", "4"), Message("user", "再加 1？"), Message("assistant", "5")
    ),
]
CALLING = [
    _sample(
        2,
        Message("user", "Weather in Suzhou?"),
        Message("assistant", "", _calls(("weather", {"city": "Suzhou"}))),
        Message("tool", '{"degrees": 21}'),
        Message("assistant", "21 degrees."),
        tools=_TOOLS,
    ),
    _sample(
        3,
        Message("user", "现在几点，苏州天气怎么样？"),
        Message("assistant", "", _calls(("clock", {}), ("weather", {"city": "苏州"}))),
        Message("tool", "12:00", name="clock"),
        Message("tool", "晴", name="weather"),
        Message("assistant", "12 点，晴。"),
        tools=_TOOLS,
    ),
]
PAIRS = [
    _sample(4, Message("user", "Is 91 prime?"), Message("assistant", "No: 7 × 13."), rejected="Yes."),
    _sample(5, *CALLING[0].messages, tools=_TOOLS, rejected="I cannot know."),
]


def templates() -> list[Path]:
    """The templates of models that TRL ships, without those that it patches for training."""
    import trl

    folder = Path(trl.__file__).parent / "chat_templates"
    return sorted(path for path in folder.glob("*.jinja") if not path.stem.endswith("_training"))


def as_text(samples: Sequence[Sample], out: Path) -> Path:
    """Rows as exports had them before: bare tools, and arguments as JSON text."""
    rows: list[dict[str, Any]] = []
    for sample in samples:
        turns = write_turns(sample.messages)
        for call in (call for turn in turns for call in turn.get("tool_calls", ())):
            call["function"] = {**call["function"], "arguments": json.dumps(call["function"]["arguments"])}
        rows.append({"messages": turns, "tools": json.loads(sample.tools)} if sample.tools else {"messages": turns})
    out.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return out


def tokenizer(template: str) -> Any:
    """A tokenizer of bytes, which needs no download."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE(vocab={character: place for place, character in enumerate(alphabet)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    core.decoder = decoders.ByteLevel()
    made = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=core, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    made.chat_template = template
    return made


def _model(vocabulary: int) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=8,
            intermediate_size=8,
            num_hidden_layers=1,
            num_attention_heads=1,
            max_position_embeddings=8192,
        )
    )


def prepared(trainer: str, rows: Any, template: str, folder: Path) -> int:
    """How many rows a trainer of TRL holds after its preparation.

    Raises:
        Exception: whatever its preparation raises.
    """
    import trl

    processing = tokenizer(template)
    config = getattr(trl, trainer.replace("Trainer", "Config"))(
        output_dir=str(folder), report_to=[], bf16=False, use_cpu=True, max_length=None
    )
    model = _model(len(processing))
    beside = {"ref_model": _model(len(processing))} if trainer == "DPOTrainer" else {}
    ready = getattr(trl, trainer)(model=model, args=config, train_dataset=rows, processing_class=processing, **beside)
    return len(ready.train_dataset)


def load(path: Path, cache: Path) -> Any:
    """A file, or the training part of a folder, as `datasets` reads it."""
    from datasets import load_dataset

    if path.is_dir():
        return load_dataset(str(path), split="train", cache_dir=str(cache))
    kind = "parquet" if path.suffix == ".parquet" else "json"
    return load_dataset(kind, data_files=str(path), split="train", cache_dir=str(cache))


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def refused(trainer: str, rows: Any, folder: Path) -> dict[str, str]:
    """The templates with which a trainer does not take every row, and what it says."""
    found = {}
    for path in templates():
        try:
            with _silent():
                kept = prepared(trainer, rows, path.read_text(encoding="utf-8"), folder)
            if kept < len(rows):
                found[path.stem] = f"{kept} of {len(rows)} rows"
        except Exception as error:
            found[path.stem] = str(error)
    return found


def curated(folder: Path) -> Path:
    """A dataset folder of rows of all kinds, pairs among them, curated as anybody's."""
    export([*PLAIN, *CALLING, *PAIRS], "messages", folder / "rows.jsonl")
    settings = load_settings(None, ["split.validation_share=0"], environ={})
    pipeline.curate_files([folder / "rows.jsonl"], settings, folder / "d", Reporter(quiet=True))
    return folder / "d" / "publish"


def _one_seed(publish: Path, folder: Path) -> None:
    """In a process of its own: fails where TRL does not take what `load_dataset` gives."""
    rows = load(publish, folder / "cache")
    template = next(path for path in templates() if path.stem == "qwen3").read_text(encoding="utf-8")
    if prepared("SFTTrainer", rows, template, folder) != len(rows):
        raise SystemExit(1)


def seeds_that_train(publish: Path, folder: Path, seeds: Sequence[int]) -> list[int]:
    """The values of PYTHONHASHSEED under which `publish/` goes into SFTTrainer."""
    found = []
    for seed in seeds:
        ended = subprocess.run(
            [sys.executable, "-m", "benchmarks.exports", "--one", str(publish), str(folder)],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            check=False,
        )
        found += [seed] if ended.returncode == 0 else []
    return found


def _table(folder: Path) -> bool:
    from datasets import disable_progress_bars
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    disable_progress_bars()
    forms: dict[str, Callable[[Sequence[Sample], str], Path]] = {
        "as text, bare tools (before)": lambda rows, name: as_text(rows, folder / f"{name}-text.jsonl"),
        "--format trl, JSON Lines": lambda rows, name: export(rows, "trl", folder / f"{name}.jsonl").out,
        "--format trl, Parquet": lambda rows, name: export(rows, "trl", folder / f"{name}.parquet").out,
        "--format messages": lambda rows, name: export(rows, "messages", folder / f"{name}-m.jsonl").out,
    }
    every = len(templates())
    print(f"SFTTrainer, of {every} templates{'':<14}tools     all")
    whole = True
    for form, write in forms.items():
        why = refused("SFTTrainer", load(write(CALLING, "tools"), folder / "cache"), folder)
        both = refused("SFTTrainer", load(write([*PLAIN, *CALLING], "all"), folder / "cache"), folder)
        print(f"  {form:<36}{every - len(why):>5}{every - len(both):>8}", flush=True)
        whole &= len(both) < every or "before" in form
    for template, said in why.items():
        print(f"    {template:<16}{said}")
    pairs = load(export(PAIRS, "trl", folder / "pairs.jsonl").out, folder / "cache")
    found = every - len(refused("DPOTrainer", pairs, folder))
    print(f"DPOTrainer, preference pairs with and without tools: {found} of {every} templates", flush=True)
    return whole and found > 0


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--one", nargs=2, type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        _one_seed(*given.one)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        right = _table(folder) if given.first == 0 else True
        seeds = range(given.first, given.first + given.seeds)
        found = seeds_that_train(curated(folder), folder, seeds)
        print(f"publish/ through load_dataset into SFTTrainer: {len(found)} of {len(seeds)} values of PYTHONHASHSEED")
    raise SystemExit(0 if right and len(found) == len(seeds) else 1)


if __name__ == "__main__":
    main()
