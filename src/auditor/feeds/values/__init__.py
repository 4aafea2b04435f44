"""Values of a feed beside its points: those that are compared, and those that answers are held against."""
