"""Spark on this machine, for rebuilds of its own stack and for the tests."""
