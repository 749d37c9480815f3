"""The process that makes large reports: pico-celery's worker around the services of myapp.

This package is not inside myapp, because each API process imports all modules of myapp, and must not import Celery.
"""
