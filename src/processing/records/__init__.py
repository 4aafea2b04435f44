"""Records of each ingest object beside its rows: receipt, quarantined lines, sequential id."""
