"""Who is calling, in which request: what web, auth, events and worker read of it."""
