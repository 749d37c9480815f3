"""Answers to writes with an ``Idempotency-Key``: stored with the change, given again if the request is repeated."""
