"""From the written contract (YAML) to the resolved one: shape, defaults, rules. Needs pydantic and PyYAML."""
