"""Standing of tables: how far each is complete and certified, and what of it is missing or alarmed."""
