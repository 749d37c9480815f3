"""Tests of the feed of events."""
