r"""TeX whose backslashes a model did not escape in JSON comes out as it was written, and line ends stay line ends."""

import json
import time

import pytest

from builder.recipes.checks.question import read_answers
from builder.recipes.parsing import parse_reply
from builder.requests.completion import Completion

FORMULAS = [
    r"Compute $3 \times 4$.",
    r"计算 $12 \times 5 \div 3$ 的值。",
    r"3 \times 4 = 12",
    r"The area is \(\frac{1}{2} \times b \times h\).",
    r"\frac{1}{2} + \frac{1}{3} = \frac{5}{6}",
    r"$\tfrac{1}{2}$ and $\dfrac{3}{4}$",
    r"若 $\theta = 30^\circ$，求 $\sin\theta$。",
    r"\[\tan \theta = \frac{\sin \theta}{\cos \theta}\]",
    r"Find $\tan 45^\circ$ and $\tanh 0$.",
    r"\tan^{2}x + 1 = \sec^{2}x",
    r"已知 $\tan\alpha = 2$，求 $\tan 2\alpha$。",
    r"$\tau = RC$ is the time constant.",
    r"The torque $\vec{\tau} = \vec{r} \times \vec{F}$.",
    r"$\text{speed} = \frac{\text{distance}}{\text{time}}$",
    r"\text{if } x > 0",
    r"$\textbf{v} \cdot \textit{w}$",
    r"$\lim_{x \to 0} \frac{\sin x}{x} = 1$",
    r"f: A \to B",
    r"求极限 $\lim_{n \to \infty} \left(1 + \frac{1}{n}\right)^n$。",
    r"$A^\top A$ is symmetric; so is $A^{\top}A$.",
    r"$x \mapsto x^\top$",
    r"$\tilde{x}$ and $\bar{x}$ and $\breve{x}$",
    r"$\triangle ABC \sim \triangle DEF$",
    r"在 $\triangle ABC$ 中，$\because AB = AC$，$\therefore \angle B = \angle C$。",
    r"$\forall x \in \mathbb{R}$, $x^2 \geq 0$",
    r"\forall \epsilon > 0",
    r"$B\flat$ minor",
    r"$\beta$ is the slope",
    r"\beta_0 + \beta_1 x",
    r"设 $\alpha + \beta = 90^\circ$。",
    r"\begin{bmatrix} 1 & 2 \end{bmatrix}",
    r"$\begin{cases} x + y = 3 & \text{a} \end{cases}$",
    r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}",
    r"解方程组 $\begin{cases}x+y=1\\x-y=3\end{cases}$。",
    "\\begin{aligned}\na &= \\frac{b}{2} \\\\\n\\theta &= \\nu \\\\[2pt]\n\\end{aligned}",
    r"\begin{array}{c} 1 \\\hline 2 \\ \text{a} \end{array}",
    r"$\binom{n}{k} = \frac{n!}{k!(n-k)!}$",
    r"\boxed{42}",
    r"因此答案是 $\boxed{\frac{3}{4}}$。",
    r"$\bigcup_{i=1}^n A_i$ and $\bigcap_i B_i$",
    r"$\big( x \big)$ and $\bigl[ y \bigr]$",
    r"$a \bmod n$, $\mathbf{x}$, $\boldsymbol{\mu}$, $\bm{y}$",
    r"$x \bot y$, $x \boxplus y$, $\bullet$",
    r"$E = h\nu$",
    r"$\nu$ 表示频率，$E = h\nu$。",
    r"The frequency \(\nu\) in hertz",
    r"\lambda = c / \nu",
    r"\frac{c}{\nu}",
    r"$x \neq 0$",
    r"x \neq y",
    r"$a \ne b$",
    r"若 $a \ne 0$ 且 $b \neq 0$，则 $ab \ne 0$。",
    r"$\nabla \cdot \vec{E} = \frac{\rho}{\varepsilon_0}$",
    r"\nabla f(x)",
    r"$\neg p \lor q$",
    r"$\neg(p \land q) \equiv \neg p \lor \neg q$",
    r"$x \notin A$ and $\not\subset$",
    r"$A \ni x$",
    r"$\nexists x$ with $2 \nmid x$, $a \nless b$",
    r"$AB \nparallel CD$",
    r"$5 \nleq 3$, $5 \ngeq 7$",
    r"$\nearrow$ and $\nwarrow$",
    r"$\rho = \frac{m}{V}$",
    r"密度 $\rho$ 等于质量除以体积：$\rho = m / V$",
    r"\rho g h",
    r"$\left( \frac{a}{b} \right)$",
    r"$\langle u, v \rangle$",
    r"$\lfloor x \rfloor$ and $\lceil x \rceil$",
    r"$A \rightarrow B \rightleftharpoons C$",
    r"$\{x\} = \left\{ y \right\rbrace$",
    r"{\rm d}x and {\bf v}",
    r"$T_\nu = x^\nu$, $g_{\mu\nu}$",
    r"$R_{\mu\nu} - \frac{1}{2} R g_{\mu\nu} = 8 \pi T_{\mu\nu}$",
    "First line.\nThen $x \\times y$.\nnumber three\ntomorrow",
    "解：\n1. $\\frac{1}{2}$\n2. $\\nu = 3$\n所以 $\\rho \\neq 0$。",
    "$$\n\\frac{a}{b} \\times \\nu\n$$\nis the answer.",
]
LINES = [
    "first\nu is next\ni love you\ne poi basta",
    "a) one\nb) two\nc) three\nd) four\ne) five",
    "i. one\nii. two",
    "a\\to b costs $5\nu pay $6",
    "lt\nle\neq\nne\ngt",
    "name\tto\tan\top",
    "x = 1\nu = 2\nne = 3\nnu = x",
    'echo "$a"\nu=$b\ne=$c',
    "In $x$ we trust.\nu is free. So is $y$.",
    "$$\nu = 3\n$$",
    "Use \\alpha and \\frac{1}{2}.\nu is the rest.",
    "\\begin{aligned}\nu &= \\nu \\\\\nu &= \\times\n\\end{aligned}",
    "不\nu 是\ttan\tau 的\r\nrho\r\n",
    "C:\\new\\table\\files and \\d+\\b",
    "The literal \\n and \\t stay, \\\\n too.",
]


def carelessly(text: str) -> str:
    r"""A JSON string with line ends and quotation marks escaped, but no backslash."""
    return '"' + text.replace('"', '\\"').replace("\n", "\\n") + '"'


def output_of(written: str) -> str:
    reply = f'{{"tasks": [{{"instruction": "Do it.", "input": "", "output": {written}}}]}}'
    parsed = parse_reply(reply, "stop")
    assert parsed.problem is None, parsed
    (task,) = parsed.values
    return str(task["output"])


@pytest.mark.parametrize("text", FORMULAS)
def test_a_command_that_was_not_escaped_comes_out_as_it_was_written(text: str) -> None:
    assert output_of(carelessly(text)) == text


@pytest.mark.parametrize("text", FORMULAS + LINES)
def test_what_was_escaped_is_never_touched(text: str) -> None:
    assert output_of(json.dumps(text)) == text
    assert output_of(json.dumps(text, ensure_ascii=False)) == text


@pytest.mark.parametrize(
    "text",
    [
        r"$x \blacktriangleright \fint y$",
        r"{\bfseries bold} and {\footnotesize small}",
        r"\bullseye",
        r"a\b c",
        r"\bfoo\b.",
        "是 \\f{x}。",
    ],
)
def test_a_backspace_or_form_feed_is_a_letter_behind_a_backslash(text: str) -> None:
    assert output_of(carelessly(text)) == text


def test_a_line_end_that_may_be_a_letter_too_is_not_decided() -> None:
    written = r'{"tasks": [{"instruction": "Where is it?", "output": "In C:\new\bin."}]}'
    (unsure,) = parse_reply(written, "stop").values
    assert unsure.keys() == {"unclear", "found"}
    (sure,) = parse_reply(written.replace("\\", "\\\\"), "stop").values
    assert sure["output"] == r"In C:\new\bin."


def test_a_blind_answer_and_yaml_keep_their_tex() -> None:
    reply = Completion(r'{"answers": [{"id": 1, "answer": "$3 \times \nu$"}]}', "stop", 0, 0)
    assert read_answers(reply) == {1: r"$3 \times \nu$"}
    written = '- instruction: "Write $a \\times b$."\n  output: "$\\frac{a}{b}$\\nand \\"c\\""\n\n```'
    (task,) = parse_reply(written, "stop").values
    assert task == {"instruction": r"Write $a \times b$.", "output": '$\\frac{a}{b}$\nand "c"'}


def test_labelled_text_is_not_json_and_keeps_its_backslashes() -> None:
    reply = "### Instruction:\nCompute $3 \\times \\nu$.\n### Output:\n$\\frac{a}{b}$ and \\n.\n"
    (task,) = parse_reply(reply, "stop").values
    assert task == {"instruction": r"Compute $3 \times \nu$.", "output": r"$\frac{a}{b}$ and \n."}


def test_json_inside_a_json_string_keeps_its_tex() -> None:
    inner = r'{"tasks": [{"instruction": "Compute $3 \times \rho$.", "output": "$\beta$"}]}'
    for reply in (json.dumps(inner), json.dumps({"result": inner})):
        assert parse_reply(reply, "stop").values == (
            {"instruction": r"Compute $3 \times \rho$.", "output": r"$\beta$"},
        )


def test_a_text_of_marks_alone_takes_no_time() -> None:
    started = time.perf_counter()
    for mark in (r"\nu", "$", r"\(", "^{", r"$\nu$ ", '"', r"\times"):
        parse_reply('{"tasks": [{"instruction": "' + mark * 20_000, "stop")
    assert time.perf_counter() - started < 5
