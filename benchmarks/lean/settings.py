"""The settings. The lean services read the same environment variables as the Products API."""

import os

DATABASE_URL = os.environ["DATABASE__URL"]
ISSUER = os.environ["AUTH_CLIENT__ISSUER"]
AUDIENCE = os.environ["AUTH_CLIENT__AUDIENCE"]
