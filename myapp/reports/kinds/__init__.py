"""The kinds of reports, one module for each."""
