"""How much of what happened on which day."""
