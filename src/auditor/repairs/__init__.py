"""Repairs of what a scan found: planned, handed to their executors, settled, and triaged when they are over."""
