"""Operations on small tables of names and numbers."""

import json
import random
from decimal import ROUND_HALF_UP, Decimal

from builder.procedural.families import vocabulary
from builder.procedural.families.kinds import DECIMAL, JSON_TEXT, NUMBER, NUMBERS, TEXT, WORD, WORDS, read_integer
from builder.procedural.families.operation import AnyOperation, InapplicableError, Kind, Language, Operation, wording

Table = dict[str, int]


def _sample_table(rng: random.Random, language: Language, small: bool) -> Table:
    size = rng.randint(3, 6)
    names = rng.sample(vocabulary.words(language, small), size)
    return dict(zip(names, rng.sample(range(2, 60), size), strict=True))


def _read_table(text: str, language: Language) -> Table:
    rows = [line.split(": ") for line in text.strip().splitlines()]
    if len(rows) < 2 or any(len(row) != 2 for row in rows):
        raise ValueError(f"not a table of names and numbers: {text!r}")
    return {name: read_integer(value) for name, value in rows}


def _by_value(table: Table) -> list[str]:
    return sorted(table, key=lambda name: -table[name])


def _above(table: Table, limit: int) -> list[str]:
    names = [name for name, value in table.items() if value > limit]
    if not names or len(names) == len(table):
        raise InapplicableError
    return names


def _csv(table: Table) -> str:
    return "\n".join(["name,value", *(f"{name},{value}" for name, value in table.items())])


def _markdown(table: Table) -> str:
    return "\n".join(["| name | value |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in table.items())])


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


TABLE: Kind[Table] = Kind(
    "table",
    "verbatim",
    lambda value, language: "\n".join(f"{name}: {number}" for name, number in value.items()),
    _read_table,
    _sample_table,
    wording(
        en="the stock sheet of the corner shop | the inventory in the shed | the tally kept by the toy museum | "
        "the order book of a small dealer | Friday's count at the swap market | "
        "the table pinned up in the warehouse | the raffle's list of prizes | the donation record of the school | "
        "the loan register at the village hall | the packing table for the move | the auction's lot sheet | "
        "the ledger of the travelling fair",
        zh="街角小店的库存表 | 棚屋里的存货清单 | 玩具博物馆的统计表 | 小商贩的订货簿 | 周五换物集市的点数表 | "
        "仓库墙上的表格 | 抽奖会的奖品表 | 学校的捐赠记录 | 村礼堂的出借登记表 | 搬家用的装箱表 | 拍卖会的拍品表 | "
        "巡回集市的账本",
    ),
    wording(en="this table | the table given", zh="这张表 | 该表"),
)

OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        "table_highest",
        "data_analysis",
        TABLE,
        WORD,
        lambda table: _by_value(table)[0],
        wording(
            en="name the row with the highest number in {x} | look up which row of {x} has most | "
            "find the front-runner by number in {x} | tell whose number is largest in {x}",
            zh="写出{x}中数目最多的一行的名称 | 查出{x}里哪一项最多 | 找到{x}数值居首的名目 | 说出{x}里数最大的是谁",
        ),
    ),
    Operation(
        "table_lowest",
        "data_analysis",
        TABLE,
        WORD,
        lambda table: _by_value(table)[-1],
        wording(
            en="name the row with the lowest number in {x} | look up which row of {x} has least | "
            "find what comes bottom by number in {x} | tell whose number is smallest in {x}",
            zh="写出{x}中数目最少的一行的名称 | 查出{x}里哪一项最少 | 找到{x}数值垫底的名目 | 说出{x}里数最小的是谁",
        ),
    ),
    Operation(
        "table_total",
        "data_analysis",
        TABLE,
        NUMBER,
        lambda table: sum(table.values()),
        wording(
            en="add up the number column of {x} | total the right-hand side of {x} | "
            "compute the sum over all rows of {x} | give the overall quantity in {x}",
            zh="把{x}的数字一栏加总 | 合计{x}右边的数 | 求{x}各行之和 | 给出{x}里的总数量",
        ),
    ),
    Operation(
        "table_mean",
        "data_analysis",
        TABLE,
        DECIMAL,
        lambda table: (Decimal(sum(table.values())) / len(table)).quantize(Decimal("0.1"), ROUND_HALF_UP),
        wording(
            en="average the rows of {x} to one decimal | compute the mean per row in {x}, with one decimal | "
            "give the mean of the number column of {x}, to the nearest tenth | "
            "work out how many each row of {x} has on average, to one decimal place",
            zh="求{x}每行的平均数，保留一位小数 | 算出{x}数字栏的均值，写一位小数 | "
            "给出{x}平均每项多少，精确到十分位 | 计算{x}各行的平均值，留一位小数",
        ),
    ),
    Operation(
        "table_over_twenty",
        "data_analysis",
        TABLE,
        WORDS,
        lambda table: _above(table, 20),
        wording(
            en="list the names in {x} whose number is above 20 | select the rows of {x} over 20, names only | "
            "find which entries of {x} pass 20 and name them | filter {x} to numbers beyond 20 and give the names",
            zh="列出{x}中数目超过20的名称 | 选出{x}里大于20的各行，只写名称 | 找出{x}中哪些项多于20 | "
            "按大于20筛选{x}，写出名目",
        ),
    ),
    Operation(
        "table_ranked",
        "data_analysis",
        TABLE,
        WORDS,
        _by_value,
        wording(
            en="rank the names in {x} from most to least | list the row names of {x} by falling number | "
            "order the names of {x}, highest number in front | "
            "write the names from {x} as a ranking, largest number at the top",
            zh="把{x}中的名称按数目从多到少排列 | 按数值递减列出{x}的名目 | 给{x}里的各项排名，多的在前 | "
            "以数量由高到低写出{x}的名称",
        ),
    ),
    Operation(
        "table_values",
        "extraction",
        TABLE,
        NUMBERS,
        lambda table: list(table.values()),
        wording(
            en="extract the number column of {x} | copy only the numbers out of {x}, row by row | "
            "pull the figures from {x} in order | read off the right-hand column of {x}",
            zh="提取{x}的数字一栏 | 按行抄下{x}里的数 | 依次取出{x}中的数值 | 读出{x}右边那一列",
        ),
    ),
    Operation(
        "table_names",
        "extraction",
        TABLE,
        WORDS,
        list,
        wording(
            en="extract the name column of {x} | copy only the names out of {x}, row by row | "
            "pull the row titles from {x} in order | read off the left-hand column of {x}",
            zh="提取{x}的名称一栏 | 按行抄下{x}里的名称 | 依次取出{x}中的名目 | 读出{x}左边那一列",
        ),
    ),
    Operation(
        "table_to_csv",
        "format_following",
        TABLE,
        TEXT,
        _csv,
        wording(
            en="convert {x} to CSV under the header name,value | "
            "write {x} as comma-separated lines headed name,value | "
            "export {x} in CSV form with a header row name,value | "
            "reshape {x} into CSV, its columns called name and value",
            zh="把{x}转成 CSV，表头为 name,value | 用逗号分隔的行写出{x}，首行是 name,value | "
            "以 CSV 形式导出{x}，带表头 name,value | 将{x}整理为 CSV，两列名为 name 和 value",
        ),
    ),
    Operation(
        "table_to_markdown",
        "format_following",
        TABLE,
        TEXT,
        _markdown,
        wording(
            en="lay {x} out as a Markdown table with columns name and value | "
            "write {x} in Markdown table syntax, headed name and value | "
            "turn {x} into a pipe table, header name and value | "
            "typeset {x} for Markdown: two columns, name and value",
            zh="把{x}排成 Markdown 表格，列名为 name 和 value | 用 Markdown 表格语法写{x}，表头 name、value | "
            "将{x}变成竖线表格，表头为 name 与 value | 为 Markdown 排版{x}：两列，name 和 value",
        ),
    ),
    Operation(
        "table_to_json",
        "format_following",
        TABLE,
        JSON_TEXT,
        _dump,
        wording(
            en="convert {x} to one JSON object, names as keys | write {x} as JSON with a key for each name | "
            "express {x} as a JSON dictionary from name to number | "
            "encode the rows of {x} as members of a JSON object",
            zh="把{x}转成一个 JSON 对象，名称作键 | 用 JSON 写出{x}，每个名称一个键 | "
            "将{x}表示为名称到数字的 JSON 字典 | 把{x}的各行编码成 JSON 对象的成员",
        ),
    ),
)
