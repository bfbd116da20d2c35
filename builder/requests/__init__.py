"""Sending chat requests so that nothing paid is lost: the ledger, the budget and the one retry layer."""
