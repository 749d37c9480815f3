"""Database access: the engine, transactions, declarative queries, errors and migrations at start."""
