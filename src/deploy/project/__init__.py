"""A project of one's own: its files, and what they are made from."""
