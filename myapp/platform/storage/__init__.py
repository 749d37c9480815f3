"""File storage: a folder on this machine, or S3."""
