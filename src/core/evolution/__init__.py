"""Contracts that change while the lake lives: their history, what they promise at each time, and classes of changes."""
