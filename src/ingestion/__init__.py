"""Acquisition: from providers and databases to ingest objects. Each room is a Lambda, or what two of them share."""
