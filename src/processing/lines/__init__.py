"""Lines of ingest objects: blocks of JSON lines become typed rows and rejected lines."""
