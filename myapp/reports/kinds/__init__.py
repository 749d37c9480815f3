"""What there are reports of: a file for each."""
