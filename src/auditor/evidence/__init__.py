"""Evidence of an audit: results of scans, certificates in their chain, and what a source proved not to have."""
