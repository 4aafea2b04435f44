"""Scans of the warehouse that feeds and databases share: partitions, broken rules, unreferenced objects."""
