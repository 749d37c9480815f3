"""Adjustments of stocks: sold, received, counted, lost."""
