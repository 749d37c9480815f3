"""Reports: asked for, made in the background, fetched as a file."""
