"""Questions of reasoning-gym families in our own words, in both languages, with their data apart.

    WORDINGS["gcd"].render("zh", 0, {"numbers": [534, 178]})  →  ("求这些数的最大公约数，只写结果。", "534、178")

Only families are here whose question can be put together from the item's metadata alone, so that the data are in `input` and
the instruction is the same for every item: random numbers inside an instruction would pass for novelty. `SPLITS` does the
same for English questions whose data follow a fixed text.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from builder.procedural.families import Language

Metadata = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wording:
    """One family's question.

    Attributes:
        data: the input's text in a language, from the item's metadata.
        en: ways to ask; `zh` is its twin.
    """

    data: Callable[[Metadata, Language], str]
    en: tuple[str, ...]
    zh: tuple[str, ...]

    def ways(self, language: Language) -> tuple[str, ...]:
        """The instructions in a language."""
        return self.zh if language == "zh" else self.en

    def render(self, language: Language, way: int, metadata: Metadata) -> tuple[str, str]:
        """Instruction and input."""
        return self.ways(language)[way], self.data(metadata, language)


def _listed(name: str) -> Callable[[Metadata, Language], str]:
    return lambda data, language: ("、" if language == "zh" else ", ").join(map(str, data[name]))


def _plain(name: str) -> Callable[[Metadata, Language], str]:
    return lambda data, language: str(data[name])


def _grid(name: str) -> Callable[[Metadata, Language], str]:
    return lambda data, language: _rows(data[name])


def _rows(matrix: Sequence[Sequence[object]]) -> str:
    return "\n".join(" ".join(map(str, row)) for row in matrix)


def _two_bases(data: Metadata, language: Language) -> str:
    number, source, target = data["source_repr"], data["source_base"], data["target_base"]
    return (
        f"{number}，{source} 进制 → {target} 进制" if language == "zh" else f"{number}, base {source} → base {target}"
    )


def _range(data: Metadata, language: Language) -> str:
    return f"{data['start']} 到 {data['end']}" if language == "zh" else f"{data['start']} to {data['end']}"


def _rotation(data: Metadata, language: Language) -> str:
    degrees = 90 * data["num_rotations"]
    return (f"{degrees} 度\n" if language == "zh" else f"{degrees} degrees\n") + _rows(data["matrix"])


def _sudoku(data: Metadata, language: Language) -> str:
    return "\n".join(" ".join(str(cell or "_") for cell in row) for row in data["puzzle"])


def _courses(data: Metadata, language: Language) -> str:
    pairs = [f"{course} ← {before}" for course, before in data["prerequisites"]]
    return ("；" if language == "zh" else "; ").join(pairs) or ("没有要求" if language == "zh" else "none")


def _equation(data: Metadata, language: Language) -> str:
    unknown = data["variable"]
    return f"{data['equation']}（求 {unknown}）" if language == "zh" else f"{data['equation']} (find {unknown})"


def _sequence(data: Metadata, language: Language) -> str:
    return ", ".join(map(str, data["sequence"][:-1]))


WORDINGS: Mapping[str, Wording] = {
    "gcd": Wording(
        _listed("numbers"),
        (
            "Find the greatest common divisor of these numbers. Give the number alone.",
            "What is the largest whole number that divides all of the following without a remainder?",
            "Reduce to one figure: the GCD of the list below.",
        ),
        ("求这些数的最大公约数，只写结果。", "能同时整除下列各数的最大整数是几？", "给出一组数，算出它们的 GCD。"),
    ),
    "lcm": Wording(
        _listed("numbers"),
        (
            "Find the least common multiple of the numbers. Give only the result.",
            "Which is the smallest positive integer that every one of these goes into?",
            "Events recur after so many days each; on which day do all of them first meet again?",
        ),
        ("求下列各数的最小公倍数，只写数字。", "哪个最小的正整数是这几个数共同的倍数？", "几件事各隔若干天重复一次，最少过多少天会再次碰到同一天？"),
    ),
    "chain_sum": Wording(
        _plain("expression"),
        (
            "Work out the sum and write only the final number.",
            "Add and subtract from left to right. What comes out?",
            "A till roll lists these entries; state the balance.",
        ),
        ("计算下面的加减算式，只写最后得数。", "从左到右依次加减，结果是多少？", "这是一串收支记录，请报出余额。"),
    ),
    "decimal_chain_sum": Wording(
        _plain("expression"),
        (
            "Evaluate this chain of decimals exactly, without rounding.",
            "What do these decimal amounts come to? Keep every digit.",
        ),
        ("精确计算这串小数的加减，不要四舍五入。", "这些带小数的金额合起来是多少？每一位都保留。"),
    ),
    "basic_arithmetic": Wording(
        _plain("expression"),
        (
            "Calculate the expression, minding the order of operations.",
            "Multiplication and division come first, then the rest: what is the value?",
        ),
        ("按先乘除后加减的顺序算出这个式子的值。", "求表达式的结果，注意运算次序和负号。"),
    ),
    "products": Wording(
        _plain("expression"),
        ("Multiply and give only the product.", "How much is this multiplication, to the last digit?"),
        ("做这道乘法，只写积。", "把这些因数乘起来，准确到个位是多少？"),
    ),
    "count_bits": Wording(
        _plain("number"),
        (
            "Write the number in binary and count its ones.",
            "How many bits are set in this integer's binary form?",
        ),
        ("把这个数写成二进制，数一数其中有几个 1。", "该整数的二进制表示里，值为 1 的位共有多少？"),
    ),
    "count_primes": Wording(
        _range,
        ("Count the primes in this range, both ends included.", "How many prime numbers lie between the two bounds (inclusive)?"),
        ("数出这个范围内的质数个数，两端都算。", "从前一个数到后一个数（含首尾）一共有多少个素数？"),
    ),
    "prime_factorization": Wording(
        _plain("number"),
        (
            "Break the number into prime factors, smallest first, joined by ×, as in 2 × 2 × 3.",
            "Which primes, multiplied together, give this number? Write them in ascending order with × between them.",
        ),
        ("把这个数分解质因数，从小到大用 × 连接，例如 2 × 2 × 3。", "哪些质数相乘等于该数？按升序写成“2 × 3 × 3”的样子。"),
    ),
    "base_conversion": Wording(
        _two_bases,
        (
            "Convert the number from one base to the other; digits above 9 are the lowercase letters from a.",
            "Rewrite this value in the base after the arrow, using a to z in lower case for ten and up.",
        ),
        ("把数从箭头前的进制换成箭头后的进制，大于 9 的数位用小写字母 a 起表示。", "进制转换：写出这个数在目标进制下的形式，十以上用小写字母。"),
    ),
    "number_sequence": Wording(
        _sequence,
        ("Which number continues the sequence?", "Find the rule behind these terms and write the next one."),
        ("按规律写出下一个数。", "找出这列数的规律，接下来应该是几？"),
    ),
    "word_sequence_reversal": Wording(
        lambda data, language: ", ".join(data["words"]),
        (
            "Reverse the order of the words, keeping a comma and a space between them.",
            "Write this list from its last entry to its first, separated by comma and space.",
        ),
        ("把这些英文单词的顺序倒过来，中间用英文逗号加空格隔开。", "从最后一个词写到第一个词，仍以“, ”分隔。"),
    ),
    "spell_backward": Wording(
        _plain("word"),
        ("Spell the word backward, letter case unchanged.", "Write these letters from right to left."),
        ("把这个英文单词倒着拼写，大小写不变。", "从右往左写出这些字母。"),
    ),
    "binary_alternation": Wording(
        _plain("string"),
        (
            "Any two characters of this binary string may be swapped. What is the least number of swaps after which no two "
            "neighbours are equal? Answer -1 if that cannot be done.",
        ),
        ("这个二进制串里任意两个字符都可以互换。最少换几次，才能让相邻字符都不相同？办不到就答 -1。",),
    ),
    "binary_matrix": Wording(
        _grid("matrix"),
        (
            "For each cell of the matrix write its Manhattan distance to the nearest 0, as a matrix of the same shape.",
            "Replace every entry by the number of horizontal and vertical steps to the closest zero, keeping the layout.",
        ),
        ("对矩阵中的每个格子，写出它到最近的 0 的曼哈顿距离，排成同样大小的矩阵。", "把每个数换成走到最近的零所需的横竖步数，版式不变。"),
    ),
    "rotate_matrix": Wording(
        _rotation,
        (
            "Rotate the matrix clockwise by the angle given above it and write it in the same layout.",
            "Turn these rows and columns clockwise as far as the first line says.",
        ),
        ("按第一行给出的角度顺时针旋转矩阵，用同样的格式写出来。", "照首行的度数，把下面的数阵顺时针转过去。"),
    ),
    "spiral_matrix": Wording(
        _grid("matrix"),
        (
            "List the matrix in clockwise spiral order from the top left corner, with single spaces between the elements.",
            "Walk along the edge to the right, down, left and up, then inwards; write down each number you pass.",
        ),
        ("从左上角开始顺时针螺旋地读出矩阵的所有元素，用空格隔开。", "沿外圈向右、向下、向左、向上，再逐层向内，依次写下经过的数字。"),
    ),
    "mini_sudoku": Wording(
        _sudoku,
        (
            "Fill in this 4×4 sudoku: each row, column and 2×2 box holds 1 to 4 once. Keep the layout.",
            "Complete the small sudoku (numbers 1 to 4), writing the whole grid with spaces between the numbers.",
        ),
        ("填完这个 4×4 数独：每行、每列、每个 2×2 宫里 1 到 4 各出现一次。格式照旧。", "补全这道四宫数独，写出整个数阵，数字之间空一格。"),
    ),
    "largest_island": Wording(
        _grid("grid"),
        (
            "In this grid 1 is land and 0 is water; cells touch by their sides. How many cells has the largest island? "
            "Answer 0 if there is none.",
        ),
        ("网格里 1 是陆地，0 是水，上下左右相邻才算相连。最大的岛有多少格？没有岛就答 0。",),
    ),
    "course_schedule": Wording(
        _courses,
        (
            "“a ← b” means that course b must be taken before course a. Can all courses be completed? Answer True or False.",
        ),
        ("“a ← b”表示修课程 a 之前要先修课程 b。所有课程都能修完吗？回答 True 或 False。",),
    ),
    "rotten_oranges": Wording(
        _grid("matrix"),
        (
            "0 is empty, 1 a fresh orange, 2 a rotten one. Each minute the fresh ones beside a rotten one (four directions) "
            "rot too. After how many minutes is none fresh? Answer -1 if some always stay fresh.",
        ),
        ("0 是空格，1 是好橙子，2 是烂橙子。每过一分钟，烂橙子上下左右的好橙子也会烂。几分钟后没有好橙子？永远有剩就答 -1。",),
    ),
    "caesar_cipher": Wording(
        _plain("cipher_text"),
        (
            "Every letter of this English text was moved by the same number of places in the alphabet. Decipher it, in capitals.",
            "Break the Caesar cipher and write the plain text in capital letters.",
        ),
        ("这段英文的每个字母都在字母表里移动了相同的位数。请还原，用大写字母写出。", "破解这段凯撒密码，写出大写的英文明文。"),
    ),
    "simple_equations": Wording(
        _equation,
        ("Solve the equation; the answer is a single number.", "Which value of the unknown makes this true?"),
        ("解这个方程，只写未知数的值。", "未知数取多少时等式成立？"),
    ),
}  # fmt: skip

# Where the data of an English question begin: what stands before is the same for every item of the family, or for every
# setting of it that the instruction names (steps of the game of life).
SPLITS: Mapping[str, str] = {
    "ab": "Now, consider the following program",
    "acre": "Previous experimental results",
    "arc_1d": "Example 1:",
    "bitwise_arithmetic": "((",
    "decimal_arithmetic": "value.\n",
    "game_of_life": "\n\n[[",
    "game_of_life_halting": "Initial board:",
    "jugs": "The empty jugs hold",
    "leg_counting": "Now, how many legs",
    "letter_jumble": "Now, unscramble these words",
    "mahjong_puzzle": "Now, given the initial cards",
    "modulo_grid": "as your answer.\n",
    "n_queens": "Given the below board",
    "number_format": "Now, pick the",
    "palindrome_generation": "Now, form a valid palindrome",
    "palindrome_partitioning": "Partition the following string",
    "path_star": "Solve the following task:",
    "pool_matrix": "Perform ",
    "quantum_lock": "Start: ",
    "rearc": "Example 1:",
    "rectangle_count": "Now, it's your turn.",
    "shortest_path": "Now, find the shortest path",
    "sokoban": "Here is your puzzle:",
    "string_insertion": "Given the following string",
    "string_manipulation": "1. If the string",
    "string_splitting": "Now, you have",
    "string_synthesis": "Now, you have",
    "word_sorting": "Now, sort these words",
}


def split(name: str, question: str) -> tuple[str, str]:
    """A question as instruction and input; the input is empty where the family has no entry in `SPLITS`."""
    marker = SPLITS.get(name)
    place = question.find(marker) if marker is not None else -1
    if marker is None or place <= 0:
        return question.strip(), ""
    # A marker that ends a line belongs to the instruction.
    place += len(marker) if marker.endswith(".\n") else 0
    return question[:place].strip(), question[place:].strip("\n").rstrip()
