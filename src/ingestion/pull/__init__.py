"""The pull function: requests for points become lines in a feed's stream, live and from history."""
