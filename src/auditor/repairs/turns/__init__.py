"""Turns: who is repaired first where not all can be, so that nothing waits for ever beside what no repair heals."""
