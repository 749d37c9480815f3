"""The order of all ASGI middleware."""

from enum import IntEnum


class Layer(IntEnum):
    """List the layers around the routes, from the outermost to the innermost.

    The value is the ``priority`` of the FastApiConfigurer that adds the layer. pico-fastapi 0.4.4 adds those with a
    negative priority last, in rising order, and each middleware that is added later is further out.
    """

    REQUEST = -1
    """Request id, log line and an answer to every failure: nothing inside may leave a request without them."""

    PROXIES = -2
    """The client's address and scheme as a trusted proxy tells them, for all that looks at them."""

    CORS = -3
    """Outside of authentication: a preflight request has no token, and a 401 needs CORS headers too."""

    FAILURE = -4
    """Inside of CORS: without its headers no script of another origin could read what went wrong."""

    AUTHENTICATION = -5
    """Before the body is read, and before pico-fastapi opens its request scope."""

    BODY_LIMIT = -6
    """Inside of authentication: a caller who may not ask hears that first."""
