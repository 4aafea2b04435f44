"""The HTTP client that providers share: time-outs, retries, limits, and the secret that it sends."""
