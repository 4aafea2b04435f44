"""Providers of points: one Protocol, Finnhub and any REST API behind it, and the HTTP client that both share."""
