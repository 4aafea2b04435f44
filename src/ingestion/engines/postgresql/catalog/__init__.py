"""The server's catalog in the words of the port: what it has, whether or not a contract names it."""
