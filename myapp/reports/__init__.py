"""Reports: requested, made in the background, and downloaded as a file."""
