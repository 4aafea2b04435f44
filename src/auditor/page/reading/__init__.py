"""Reading of all that the page shows. Nothing is written, and what cannot be read costs its part of the page alone."""
