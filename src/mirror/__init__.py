"""The mirror: one Iceberg table over the Parquet objects of each table, so that every engine opens the star."""
