"""Operations on quantities with a unit."""

import re
from dataclasses import dataclass
from decimal import Decimal

from builder.procedural.families.kinds import NUMBER
from builder.procedural.families.operation import AnyOperation, InapplicableError, Kind, Language, Operation, wording


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount with its unit, named by its position in `_UNITS`."""

    amount: Decimal
    unit: int


# (large unit, small unit, how many small ones make a large one), by language.
_UNITS: dict[Language, tuple[tuple[str, str, int], ...]] = {
    "en": (("km", "m", 1000), ("kg", "g", 1000), ("m", "cm", 100), ("L", "mL", 1000), ("hours", "minutes", 60)),
    "zh": (("千米", "米", 1000), ("千克", "克", 1000), ("米", "厘米", 100), ("升", "毫升", 1000), ("小时", "分钟", 60)),
}

_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)\s*(\S+)", re.ASCII)


def _read_quantity(text: str, language: Language) -> Quantity:
    match = _QUANTITY.fullmatch(text.strip())
    units = [unit[0] for unit in _UNITS[language]]
    if not match or match[2] not in units:
        raise ValueError(f"not a quantity in a large unit: {text!r}")
    return Quantity(Decimal(match[1]), units.index(match[2]))


def _small_units(value: Quantity) -> int:
    amount = value.amount * _UNITS["en"][value.unit][2]
    if amount != int(amount):
        raise InapplicableError
    return int(amount)


QUANTITY: Kind[Quantity] = Kind(
    "quantity",
    "exact",
    lambda value, language: f"{value.amount} {_UNITS[language][value.unit][0]}",
    _read_quantity,
    lambda rng, language, small: Quantity(Decimal(rng.randint(4, 99)) / rng.choice((2, 10)), rng.randrange(5)),
    wording(
        en="the amount on the label | a quantity from the recipe | the figure on the road sign | "
        "the measure of the delivery | the reading on the dial | what the coach noted as training load | "
        "the entry in the lab notebook | the size on the order form | a value from the hiking guide | "
        "the supply left for the trip",
        zh="标签上的数量 | 食谱里的用量 | 路牌上的数值 | 送来货物的量 | 仪表上的读数 | 教练记下的训练量 | "
        "实验记录里的一项 | 订货单上的规格 | 徒步指南里的数值 | 旅途中剩余的补给量",
    ),
    wording(en="this quantity | the quantity given", zh="这个量 | 该数量"),
)

OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        "quantity_to_small",
        "mathematics",
        QUANTITY,
        NUMBER,
        _small_units,
        wording(
            en="convert {x} to the smaller unit (m, g, cm, mL or minutes), number only | "
            "express {x} in m, g, cm, mL or minutes, as fits, giving just the number | "
            "change {x} into the unit one step below (km to m, kg to g, m to cm, L to mL, hours to minutes) | "
            "restate {x} in the next smaller unit of m, g, cm, mL or minutes",
            zh="把{x}换算成小一级的单位（米、克、厘米、毫升或分钟），只写数字 | "
            "用米、克、厘米、毫升或分钟表示{x}，视情况而定，只给数值 | "
            "将{x}化为低一级单位（千米到米，千克到克，米到厘米，升到毫升，小时到分钟） | "
            "以更小的单位（米、克、厘米、毫升、分钟）重述{x}，写数字即可",
        ),
    ),
)
