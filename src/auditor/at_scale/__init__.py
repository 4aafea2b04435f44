"""Shares of audits and proofs at scale."""
