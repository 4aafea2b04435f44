"""Changes of contracts as work: what they will ask of a lake, and how far the audits came with it."""
