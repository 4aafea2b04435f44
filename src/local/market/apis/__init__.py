"""APIs that the market answers: Finnhub's, and a weather service's of another shape."""
