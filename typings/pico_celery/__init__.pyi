from .decorators import task as task
