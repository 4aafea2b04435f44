"""Engines of databases: a port (``port``), and a folder for each engine that implements it."""
