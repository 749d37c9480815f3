from fastapi import FastAPI

from myapp.boot import create_container
from myapp.platform.startup import exit_on_startup_error

with exit_on_startup_error():
    app = create_container().get(FastAPI)
