"""The mails that events cause."""
