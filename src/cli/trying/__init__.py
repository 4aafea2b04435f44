"""A contract tried in memory, before it is deployed: lines in, the star's first rows and every refusal out."""
