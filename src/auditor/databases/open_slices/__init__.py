"""The slices of a database that are open: not whole when they were compared last, or not compared since a commit."""
