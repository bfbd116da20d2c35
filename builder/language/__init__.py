"""What is said, in English and Chinese: messages, labels, reasons."""

from typing import Literal

Language = Literal["zh", "en"]
