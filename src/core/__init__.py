"""Pure logic that every wing shares: no SDK, no clock, no environment."""
