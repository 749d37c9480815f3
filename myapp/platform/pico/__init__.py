"""Remedies for defects of the pico stack."""
