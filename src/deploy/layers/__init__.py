"""Layers that hold what the functions import, and nothing else."""
