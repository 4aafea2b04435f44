"""The audit of feeds: expected points against those that are there, ingest objects against receipts, rollups."""
