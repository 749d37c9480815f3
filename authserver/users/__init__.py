"""Who can log in: accounts with hashed passwords, managed by commands."""
