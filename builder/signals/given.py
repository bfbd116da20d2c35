"""Signals that no function of a row gives: a command makes their table, with a teacher or a model, and decisions read it."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from builder.signals.signal import Card, table_schema


@dataclass(frozen=True, slots=True)
class GivenSignal:
    """One such table, `signals/<name>.parquet`; rows that were not measured are not in it.

    Attributes:
        columns: names and types, beside `row`.
        command: that makes it.
        card: what the columns say; how well depends on who was asked, so it has no precision.
        version: raised whenever the columns mean something else.
    """

    name: str
    columns: tuple[tuple[str, pa.DataType], ...]
    command: str
    card: Card
    version: int = 1

    @property
    def schema(self) -> pa.Schema:
        """Of the table: `row` and the columns; its metadata names the version."""
        return table_schema(f"{self.name}/{self.version}", self.columns)


JUDGE = GivenSignal(
    "judge",
    (("judge_score", pa.float64()), ("judge_problem", pa.string()), ("judge_state", pa.string())),
    "seedbed judge DIR",
    Card(
        "A teacher's mark for the last answer by a rubric, what it found wrong, and why there is no mark where there is none.",
        "教师模型按评分标准给最后一个回答打的分、指出的问题；没有分数时说明原因。",
        "score 1 (wrong) to 5 (right and complete), or nothing; state: marked, at_admission, abstained, unreadable, refused, "
        "too_long, no_answer, pictures (which a teacher is not shown)",
        "分数 1（答错）到 5（正确完整），或没有；状态：marked、at_admission、abstained、unreadable、refused、too_long、no_answer、"
        "pictures（含图片的行不给教师看）",
        "A teacher misses errors that it would make itself, sees neither tools nor the document that a task draws on, and may "
        "mark the same answer otherwise when asked again.",
        "教师模型自己会犯的错也看不出来；看不到工具，也看不到任务所依据的文档；同一回答再问一次，分数可能不同。",
    ),
)

LOSS = GivenSignal(
    "loss",
    (
        ("answer_loss", pa.float64()),
        ("answer_loss_alone", pa.float64()),
        ("ifd", pa.float64()),
        ("perplexity", pa.float64()),
        ("tokens", pa.int32()),
    ),
    "seedbed score DIR --model NAME",
    Card(
        "A model's loss on the last answer given the prompt, and without the instruction; ifd is their ratio (Li et al. 2024), "
        "perplexity the exponential of the first, tokens those of the answer with its end.",
        "模型在给定提示时对最后一个回答的损失，以及去掉指令后的损失；ifd 是两者之比（Li 等，2024），perplexity 是前者的指数，"
        "tokens 是回答及其结束符的 token 数。",
        "losses from 0, in nats a token; ifd near 0: the instruction settles the answer, from 1: it is no help",
        "损失从 0 起，单位为纳特/token；ifd 接近 0 表示指令已决定回答，达到 1 表示指令没有帮助",
        "Short answers scatter widely; a wrong answer looks like a hard one; another model gives other values.",
        "短回答的数值波动大；答错的也会显得“难”；换一个模型，数值就不同。",
    ),
)

GIVEN_SIGNALS: Mapping[str, GivenSignal] = {signal.name: signal for signal in (JUDGE, LOSS)}
