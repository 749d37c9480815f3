"""The process that makes large reports: pico-celery's worker around the services of myapp.

It stands beside myapp, whose every module each process of the API imports, so that these need not import Celery.
"""
