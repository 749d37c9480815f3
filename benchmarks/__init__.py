"""Benchmarks: speed, start-up time and memory of the Products API, compared with a plain FastAPI service."""
