"""A report's content as a file: what it holds, whatever the format, and one writer for each format."""
