"""The order of all ASGI middleware."""

from enum import IntEnum


class Layer(IntEnum):
    """The layers around the routes, from the outermost to the innermost.

    The value is the ``priority`` of the FastApiConfigurer that adds the layer. pico-fastapi 0.4.4 adds layers with a
    negative priority last, in ascending order. The middleware that is added last is the outermost.
    """

    REQUEST = -1
    """Outside everything: every request gets an id, a log line and an answer, whatever fails inside."""

    PROXIES = -2
    """Outside all layers that read the client's address and scheme: a trusted proxy's headers set them."""

    CORS = -3
    """Outside authentication: a preflight request has no token, and a 401 needs CORS headers too."""

    FAILURE = -4
    """Inside CORS: without its headers, a script from another origin could not read an error answer."""

    AUTHENTICATION = -5
    """Before the body is read, and before pico-fastapi opens its request scope."""

    BODY_LIMIT = -6
    """Inside authentication: a caller without permission gets 401 or 403 rather than 413."""
