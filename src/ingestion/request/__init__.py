"""The request function: a schedule's minute becomes messages that name the points due."""
