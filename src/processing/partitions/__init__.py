"""Partitions of the warehouse: rows are merged, encoded and committed, and versions kept, rolled back and removed."""
