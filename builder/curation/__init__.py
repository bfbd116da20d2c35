"""Which rows are kept, and why the others are not: row filters, novelty, contamination, balance, split."""
