"""Making partitions again: rebuilds, replays, the auditor's repair jobs and the gaps of canaries."""
