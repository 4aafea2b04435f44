"""Outputs of the command as they are stored; ``python -m tests.stored_outputs`` writes them anew."""
