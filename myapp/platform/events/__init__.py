"""Domain events: written with the change that they tell of, delivered to handlers after it is committed."""
