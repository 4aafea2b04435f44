"""Rows as text: tables and records that fit the terminal, and the formats that programs read."""
