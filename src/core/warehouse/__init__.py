"""The warehouse: keys and order of rows, partitions, pointers, objects and their footers."""
