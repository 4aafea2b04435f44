"""The landing zone: keys and metadata of ingest objects, the state of extraction, the records about objects."""
