"""Domain events: recorded in the transaction of a change, delivered to handlers after its commit."""
