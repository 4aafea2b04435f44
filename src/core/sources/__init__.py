"""Databases as they describe themselves: their tables, what fits a contract, what has changed, lines to add."""
