"""Which tasks are close: exact ROUGE-L over millions of texts, by signatures that meet.

Begin with `scanning.py`, the one scan; `closeness.py` asks the same of whole tasks, for the split.
"""
