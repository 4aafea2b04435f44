"""Bodies of answers, read purely: JSON without floats, records by slot, an answer's own words about itself."""
