"""The introduction of the OpenAPI document."""

DESCRIPTION = """
A product catalogue with filtered and paged lists, optimistic locking, a history of every change, and reports.

**Get a token.** Press *Authorize* at [/docs](docs). Log in with user name and password, or on the login page of your
issuer. You can also paste a token as `bearer`. Each operation says which permission it needs.

**Versions.** A product, a user, a report and a webhook have an `ETag`. Send it as `If-Match`, and a write to another
version is refused with 412. Send it as `If-None-Match`, and an unchanged resource is not sent again.

**Repeated writes.** Send a write with an `Idempotency-Key`, and send it again until you get an answer: it is made once.

**Errors** are problem documents (RFC 9457). `code` names the kind of error, `request_id` finds it in the log.

[openapi.json](openapi.json) is this document as a file. [ReDoc](redoc) shows it for reading.
""".strip()

GROUPS = [
    {"name": "Products", "description": "Read, search and change the catalogue."},
    {
        "name": "Reports",
        "description": "Ask for a report as PDF, CSV or XLSX, follow its progress, and fetch the file.",
    },
    {"name": "Webhooks", "description": "Let the service send events of products to your own servers."},
    {"name": "Users", "description": "See and change your own profile, or as an administrator those of all users."},
    {
        "name": "Events",
        "description": "Follow what happens. See events that a handler could not process, and deliver them again.",
    },
    {"name": "Analytics", "description": "Count what happened, day by day."},
    {"name": "Health", "description": "Ask whether the process lives and whether it can serve."},
]
"""The groups of operations, in their order."""
