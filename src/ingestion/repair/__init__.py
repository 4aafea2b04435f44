"""The repair function: repair jobs that need a provider, or an old version of an ingest object."""
