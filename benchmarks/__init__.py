"""Speed, start-up time and memory of the Products API, measured beside a plain FastAPI service."""
