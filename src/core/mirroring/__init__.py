"""The Iceberg mirror as others read it: the names of its objects, and what its snapshots name."""
