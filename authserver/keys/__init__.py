"""The keys that sign: on disk, in rotation, and published."""
