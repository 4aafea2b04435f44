"""Rows of a database compared by key: the warehouse's with the source's, slice by slice."""
