"""Work that many functions do side by side, as jobs in a folder."""
