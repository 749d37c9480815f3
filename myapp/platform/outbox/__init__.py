"""Deliveries of events: queued in the transaction of the event, made by the relay after the commit."""
