"""Messages to the admins at the end of an audit, and the memory of which were sent."""
