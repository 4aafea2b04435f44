"""Contracts that are proposed: from a database's catalog and samples, from an answer of an API. Each guess says why."""
