"""The current caller and request id, for web, auth, events and worker."""
