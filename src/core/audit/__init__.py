"""Forms that the auditor shares with acquisition and processing: findings, repair jobs, certificates, fingerprints."""
