"""Feeds: calendars and the points that they owe, lines of points, partitions of points, settings of providers."""
