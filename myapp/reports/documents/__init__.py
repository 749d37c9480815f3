"""The content of a report, and one writer for each file format."""
