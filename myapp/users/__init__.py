"""The people who call: their profile, and whether they may still call."""
