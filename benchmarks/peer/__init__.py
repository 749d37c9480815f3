"""The same contract in plain FastAPI, SQLAlchemy and PyJWT: what a good engineer writes without pico."""
