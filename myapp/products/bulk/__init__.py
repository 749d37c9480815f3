"""Batches: many changes of products in one request."""
