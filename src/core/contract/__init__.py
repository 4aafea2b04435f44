"""The resolved contract as frozen values, its column types, and its form as JSON. Needs neither pydantic nor PyYAML."""
