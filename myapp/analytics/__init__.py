"""Counts of events by day and type."""
