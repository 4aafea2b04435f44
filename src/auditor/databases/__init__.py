"""The audit of databases: objects against receipts, rows by key, derived tables, parameters."""
