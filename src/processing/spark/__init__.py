"""Rebuilds that have to shuffle: tables whose ingest objects hold rows of all partitions, each object read once."""
