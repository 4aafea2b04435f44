"""Certified snapshots: which rows of the mirrors' objects the certificates speak of, and the tags that say so."""
