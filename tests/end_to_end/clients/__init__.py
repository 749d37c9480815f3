"""Programs that use generated clients. A test generates the clients and runs the programs."""
