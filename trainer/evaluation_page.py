"""`evaluation.html`: one small page, readable without anything else, in English or Chinese."""

from typing import Any, Literal

import jinja2

Language = Literal["en", "zh"]

_WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "title": "Evaluation",
        "rows": "{rows} validation rows, kept out of training. {n} have an answer key and are checked; {rest} have none and "
        "count in the loss only.",
        "left_out": "{count} left out ({reason}).",
        "task": "Task",
        "language": "Language",
        "count": "Rows",
        "constant": "Constant guess",
        "base": "Before training",
        "tuned": "After training",
        "all": "All",
        "range": "{low} to {high}",
        "method": "The constant guess gives the most frequent training answer of each task and language. The ranges are "
        "Wilson's 95 % intervals.",
        "loss": "Loss on {tokens} answer tokens: {base} before, {tuned} after training, in nats a token.",
        "run": "Model {model}, {parameters} parameters, {steps} steps in {seconds} s, template {template}.",
        "answers": "Answers",
        "row": "Row",
        "prompt": "Prompt",
        "expected": "Expected",
        "answer": "Answer",
    },
    "zh": {
        "title": "评测",
        "rows": "共 {rows} 条验证数据，均未参与训练。其中 {n} 条有标准答案并逐条核对；{rest} 条没有，只计入损失。",
        "left_out": "另有 {count} 条未纳入（{reason}）。",
        "task": "任务",
        "language": "语言",
        "count": "条数",
        "constant": "固定猜测",
        "base": "训练前",
        "tuned": "训练后",
        "all": "合计",
        "range": "{low} 至 {high}",
        "method": "固定猜测：对每种任务和语言，总是给出训练数据里最常见的答案。区间为 Wilson 95 % 置信区间。",
        "loss": "{tokens} 个答案词元上的损失：训练前 {base}，训练后 {tuned}（单位：奈特每词元）。",
        "run": "模型 {model}，{parameters} 个参数，{seconds} 秒内训练 {steps} 步，模板 {template}。",
        "answers": "回答示例",
        "row": "行号",
        "prompt": "提问",
        "expected": "标准答案",
        "answer": "模型回答",
    },
}

_PAGE = jinja2.Environment(autoescape=True).from_string(
    """<!doctype html>
<html lang="{{ language }}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{{ words.title }}</title>
<style>
:root { color-scheme: light dark; --line: #8885; --good: #2e9e4f; --bad: #c9503c }
body { font: 15px/1.6 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: left; vertical-align: top }
th { white-space: nowrap }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
tfoot td { font-weight: 600 }
.text { white-space: pre-wrap; overflow-wrap: anywhere }
.right { color: var(--good) } .wrong { color: var(--bad) }
</style>
<h1>{{ words.title }}</h1>
<p>{{ words.rows.format(rows=evaluation.rows, n=totals.tuned.n, rest=evaluation.rows_without_key) }}
{% for reason, count in evaluation.rows_left_out.items() %}{{ words.left_out.format(count=count, reason=reason) }}
{% endfor %}</p>
<table>
<thead><tr><th>{{ words.task }}</th><th>{{ words.language }}</th><th class="number">{{ words.count }}</th>
{% for who in columns %}<th class="number">{{ words[who] }}</th>{% endfor %}</tr></thead>
<tbody>
{% for cell in evaluation.cells %}<tr><td>{{ cell.family }}</td><td>{{ cell.language }}</td>
<td class="number">{{ cell.n }}</td>
{% for who in columns %}<td class="number">{{ percent(cell[who] / cell.n) }} ({{ cell[who] }})</td>
{% endfor %}</tr>
{% endfor %}</tbody>
<tfoot><tr><td>{{ words.all }}</td><td></td><td class="number">{{ totals.tuned.n }}</td>
{% for who in columns %}<td class="number">
{%- if totals[who].n %}{{ percent(totals[who].share) }} ({{ totals[who].right }})<br>
{{ words.range.format(low=percent(totals[who].interval_95[0]), high=percent(totals[who].interval_95[1])) }}
{%- else %}–{% endif %}</td>
{% endfor %}</tr></tfoot>
</table>
<p>{{ words.method }}</p>
<p>{{ words.loss.format(tokens=evaluation.held_out_loss.tokens, base=nats(evaluation.held_out_loss.base),
tuned=nats(evaluation.held_out_loss.tuned)) }}
{{ words.run.format(model=run.settings.model, parameters=run.parameters.all, steps=run.steps, seconds=run.seconds,
template=run.template.name) }}</p>
{% if evaluation.examples %}<h2>{{ words.answers }}</h2>
<table>
<thead><tr><th>{{ words.row }}</th><th>{{ words.prompt }}</th><th>{{ words.expected }}</th><th>{{ words.answer }}</th></tr>
</thead>
<tbody>
{% for example in evaluation.examples %}<tr><td class="number">{{ example.row }}</td>
<td class="text">{{ example.prompt }}</td>
<td class="text">{{ example.expected }}</td>
<td class="text {{ 'right' if example.right else 'wrong' }}">
{{- '✓' if example.right else '✗' }} {{ example.answer }}</td></tr>
{% endfor %}</tbody>
</table>{% endif %}
</html>
"""
)


def render_page(evaluation: dict[str, Any], run: dict[str, Any], language: Language = "en") -> str:
    """Render the page.

    Args:
        evaluation: `Evaluation.as_record()`.
        run: the record in `run.json`.
        language: of the page; the figures are the same.

    Returns:
        HTML; every text that comes from data is escaped.
    """
    return _PAGE.render(
        evaluation=evaluation,
        totals=evaluation["totals"],
        run=run,
        language=language,
        words=_WORDS[language],
        columns=("constant", "base", "tuned"),
        percent=_percent,
        nats=_nats,
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _nats(loss: float) -> str:
    return f"{loss:.3f}"
