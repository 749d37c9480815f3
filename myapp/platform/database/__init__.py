"""How the database is spoken to: engine, transactions, declarative queries, faults, migrations at start."""
