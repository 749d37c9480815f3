"""The users of the API: their profiles, and whether they are active."""
