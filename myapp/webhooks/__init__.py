"""Webhooks: events of products, sent to the servers of others."""
