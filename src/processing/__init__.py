"""The process and restate functions: ingest objects become rows of the star schema, and partitions are made again."""
