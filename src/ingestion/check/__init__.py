"""The check function: answers the auditor's questions about a database, and extracts rows again."""
