"""PostgreSQL as a source: sessions over TLS, the safe horizon, and rows as JSON lines by COPY."""
