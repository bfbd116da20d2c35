"""A frame in, a frame with verdicts out.

python examples/curate_a_frame.py [FOLDER]
"""

import sys
import tempfile
from pathlib import Path

import polars as pl

from builder import curate

TICKETS = pl.DataFrame(
    {
        "question": [
            "How do I descale the kettle?",
            "How do I descale the kettle, please?",
            "What is 17 times 23?",
            "水壶里的水垢怎么清理？",
            "退货要几天？",
        ],
        "answer": [
            "Fill it with equal parts of vinegar and water, boil, wait an hour and rinse twice.",
            "Boil vinegar and water in it, wait, rinse.",
            "17 × 23 = 381.",
            "醋和水各一半倒进壶里烧开，静置一小时，再冲洗两遍。",
            "作为一个人工智能语言模型，我不能回答这个问题。",
        ],
    }
)


def main(folder: Path) -> None:
    """Curate the tickets, look at what went, and keep one of them by hand."""
    dataset = curate(TICKETS, out=folder / "tickets", split={"min_validation_rows": 0})
    print(dataset)
    for row in dataset.rows(["row", "reason", "prompt"], kept=False).iter_rows(named=True):
        print(f"  row {row['row']} went: {row['reason']} ({row['prompt']})")
    dataset.review(2, "edit", reviewer="ana", answer="17 × 23 = 391.", note="the sum was wrong")
    dataset.decide()
    print(dataset)
    dataset.export("messages", folder / "tickets.jsonl", overwrite=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(Path(folder))
