"""The same contract in plain FastAPI, SQLAlchemy and PyJWT, as a good engineer writes it without pico."""
