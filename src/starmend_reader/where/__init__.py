"""Conditions of a read, and what they leave of partitions and rows. Pure."""
