"""Where files are kept: a folder of this machine, or S3."""
