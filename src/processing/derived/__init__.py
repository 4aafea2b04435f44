"""Derived tables: dimensions, rollups and calendars, each computed whole."""
