"""A real PostgreSQL with the sales source in it, for everything that runs on one machine."""

from local.database.server import Database, Role

__all__ = ["Database", "Role"]
