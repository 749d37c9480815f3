"""Mail: one port, and adapters for a mail server and for a folder of files."""
