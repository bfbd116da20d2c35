"""Operations on tiny programs and arithmetic expressions. Nothing here is ever run as code."""

import random
import re
from dataclasses import dataclass

from builder.procedural.families.kinds import NUMBER, TEXT
from builder.procedural.families.operation import AnyOperation, InapplicableError, Kind, Language, Operation, wording

_STEP = re.compile(r"([a-z]) = ([a-z]|\d+)(?: ([+*-]) ([a-z]|\d+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Step:
    """One assignment: `target = left operator right`, or `target = left` where the operator is empty."""

    target: str
    left: str
    operator: str = ""
    right: str = ""

    def __str__(self) -> str:
        return f"{self.target} = {self.left}" + (f" {self.operator} {self.right}" if self.operator else "")


Program = tuple[Step, ...]


def _sample_program(rng: random.Random, language: Language, small: bool) -> Program:
    first, second = rng.sample("abcnxy", 2)
    steps = [Step(first, str(rng.randint(2, 9))), Step(second, first, rng.choice("+*"), str(rng.randint(2, 9)))]
    for _ in range(rng.randint(1, 2)):
        target, other = rng.sample((first, second), 2)
        steps.append(Step(target, target, rng.choice("+-"), rng.choice((other, str(rng.randint(1, 9))))))
    return tuple(steps)


def _read_program(text: str, language: Language) -> Program:
    matches = [_STEP.fullmatch(line) for line in text.strip().splitlines()]
    if len(matches) < 2:
        raise ValueError(f"not a program of assignments: {text!r}")
    steps = []
    for match in matches:
        if match is None:
            raise ValueError(f"not a program of assignments: {text!r}")
        steps.append(Step(match[1], match[2], match[3] or "", match[4] or ""))
    return tuple(steps)


def _run(program: Program) -> dict[str, int]:
    values: dict[str, int] = {}

    def value(operand: str) -> int:
        if operand.isdigit():
            return int(operand)
        if operand not in values:
            raise InapplicableError
        return values[operand]

    for step in program:
        result = value(step.left)
        if step.operator:
            result = _arithmetic(result, step.operator, value(step.right))
        values[step.target] = result
    return values


def _arithmetic(left: int, operator: str, right: int) -> int:
    return left + right if operator == "+" else left - right if operator == "-" else left * right


def _final_value(program: Program) -> int:
    return _run(program)[program[-1].target]


def _trace(program: Program) -> str:
    return "\n".join(
        f"{step.target} = {_run(program[: number + 1])[step.target]}" for number, step in enumerate(program)
    )


PROGRAM: Kind[Program] = Kind(
    "program",
    "verbatim",
    lambda value, language: "\n".join(map(str, value)),
    _read_program,
    _sample_program,
    wording(
        en="the snippet from the lesson | a few lines typed in the console | the beginner's program | "
        "the code on the whiteboard | assignments from the exercise sheet | the script a pupil handed in | "
        "the lines shown in the tutorial | a fragment of the calculator's code | "
        "the cell at the top of a notebook | the example in chapter one",
        zh="课上的代码片段 | 控制台里敲的几行 | 初学者的程序 | 白板上的代码 | 练习单里的赋值语句 | "
        "学生交来的脚本 | 教程展示的几行代码 | 计算器代码的一段 | 笔记本最上面的单元 | 第一章的例程",
    ),
    wording(en="this code | the code given", zh="这段代码 | 该代码"),
)


@dataclass(frozen=True, slots=True)
class Expression:
    """`(left operator right) times factor`."""

    left: int
    operator: str
    right: int
    factor: int

    @property
    def inner(self) -> int:
        return _arithmetic(self.left, self.operator, self.right)

    @property
    def result(self) -> int:
        return self.inner * self.factor

    @property
    def explanation(self) -> str:
        return f"{self.left} {self.operator} {self.right} = {self.inner}\n{self.inner} * {self.factor} = {self.result}"


_EXPRESSION = re.compile(r"\((\d+) ([+-]) (\d+)\) \* (\d+)", re.ASCII)


def _sample_expression(rng: random.Random, language: Language, small: bool) -> Expression:
    right = rng.randint(1, 20)
    return Expression(rng.randint(right, 30), rng.choice("+-"), right, rng.randint(2, 9))


def _read_expression(text: str, language: Language) -> Expression:
    match = _EXPRESSION.fullmatch(text.strip())
    if not match:
        raise ValueError(f"not an expression of the form (a + b) * c: {text!r}")
    return Expression(int(match[1]), match[2], int(match[3]), int(match[4]))


EXPRESSION: Kind[Expression] = Kind(
    "expression",
    "exact",
    lambda value, language: f"({value.left} {value.operator} {value.right}) * {value.factor}",
    _read_expression,
    _sample_expression,
    wording(
        en="the sum on the exercise card | an expression from the maths quiz | the formula behind the price | "
        "a calculation in the margin | the arithmetic puzzle of the day | what the tutor wrote on the board | "
        "the term to be worked out | a problem from the homework | the expression on the receipt's back | "
        "the warm-up exercise",
        zh="练习卡上的算式 | 数学测验里的式子 | 定价用的公式 | 页边写的计算 | 每日算术谜题 | "
        "老师写在黑板上的式子 | 待算的式子 | 作业里的一道题 | 小票背面的算式 | 热身练习",
    ),
    wording(en="this expression | the expression given", zh="这个算式 | 该算式"),
)

OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        "program_result",
        "code",
        PROGRAM,
        NUMBER,
        _final_value,
        wording(
            en="work out the value assigned by the last line of {x} | "
            "run {x} in your head and give what the final line stores | "
            "trace {x} and report the last assigned value | evaluate {x} up to its last assignment",
            zh="算出{x}最后一行赋的值 | 在脑中执行{x}，给出末行存下的值 | 跟踪{x}，报告最后赋的值 | "
            "求{x}执行到最后一次赋值的结果",
        ),
    ),
    Operation(
        "program_trace",
        "explanation",
        PROGRAM,
        TEXT,
        _trace,
        wording(
            en='explain {x} line by line, giving each new value as "a = 5" | '
            'show what every line of {x} stores, in the form "a = 5" | '
            'walk through {x} and note the value after each line, like "a = 5" | '
            'make {x} clear: for each line write the result as "a = 5"',
            zh="逐行解释{x}，每行写出新值，形如“a = 5” | 说明{x}的每一行存了什么，格式为“a = 5” | "
            "一行行走读{x}，记下每步之后的值，如“a = 5” | 讲清{x}：每行写一个“a = 5”这样的结果",
        ),
    ),
    Operation(
        "program_lines",
        "code",
        PROGRAM,
        NUMBER,
        len,
        wording(
            en="count the assignments in {x} | tell how many lines {x} has | "
            "give the number of statements in {x} | report the line count of {x}",
            zh="数一数{x}有几条赋值 | 说出{x}共多少行 | 给出{x}的语句数 | 报告{x}的行数",
        ),
    ),
    Operation(
        "expression_value",
        "mathematics",
        EXPRESSION,
        NUMBER,
        lambda expression: expression.result,
        wording(
            en="evaluate {x} | calculate {x} | work {x} out to a single number | give the value of {x}",
            zh="计算{x} | 求{x}的值 | 把{x}算成一个数 | 给出{x}的得数",
        ),
    ),
    Operation(
        "expression_steps",
        "explanation",
        EXPRESSION,
        TEXT,
        lambda expression: expression.explanation,
        wording(
            en='explain how to work out {x}: two lines, each like "2 + 3 = 5" | '
            'show {x} step by step, bracket before product, as lines such as "2 + 3 = 5" | '
            'teach the solution of {x} in two equations in the style "2 + 3 = 5" | '
            'spell out both stages of {x}, written like "2 + 3 = 5"',
            zh="讲解{x}怎么算：两行，每行形如“2 + 3 = 5” | "
            "分步展示{x}，括号在前乘法在后，写成“2 + 3 = 5”这样的行 | 用“2 + 3 = 5”式的两个等式说明{x}的解法 | "
            "写清{x}的两个阶段，样式如“2 + 3 = 5”",
        ),
    ),
)
