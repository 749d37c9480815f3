"""Deliveries of events: queued with the event, delivered by the relay after the commit."""
