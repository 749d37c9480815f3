"""Authentication and authorisation: who is calling, and what the caller may do."""
