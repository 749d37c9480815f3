"""The feed of events: every committed event once, for programs that follow the catalogue."""
