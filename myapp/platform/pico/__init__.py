"""What we mend in the pico stack."""
