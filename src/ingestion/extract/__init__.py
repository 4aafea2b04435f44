"""Extraction: the rows of a database's tables become JSON lines in the landing zone, none lost and none twice."""
