"""The auditor: finds what is missing or broken, has it repaired, certifies the rest, and tells the admins."""
