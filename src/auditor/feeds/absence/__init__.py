"""Absence at the source: which answers prove it, and what is still in doubt."""
