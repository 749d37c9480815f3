"""What a user would write instead: plain FastAPI, SQLAlchemy and PyJWT; no log, problems, events or strict input."""
