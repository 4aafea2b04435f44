"""The auditor's eyes for databases: sequences of objects, keyed rows, derived tables, parameters."""
