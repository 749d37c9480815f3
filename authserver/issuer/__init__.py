"""Access tokens, and the document that describes this issuer."""
