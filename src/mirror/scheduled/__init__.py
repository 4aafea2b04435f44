"""The mirror as a deployed function: a schedule asks for every table, and a queue hands out one table at a time."""
