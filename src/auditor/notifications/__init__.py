"""Events for whoever listens: what an audit found, did, certified and alarmed (``docs/notifications.md``)."""
