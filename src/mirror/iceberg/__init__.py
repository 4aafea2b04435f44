"""Tables as Iceberg says them: columns, partitions, statistics, manifests and metadata."""
