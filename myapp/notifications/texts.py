"""What the mails say."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    subject: str
    body: str


def welcome(name: str | None) -> Text:
    return letter(
        "Welcome to Products API",
        greeting(name),
        "you have signed in to Products API for the first time, and your profile is there now.",
        "If that was not you, please tell the people who run this service.",
    )


def stock_low(name: str, product_id: str, stock: int, threshold: int) -> Text:
    return letter(
        f"Low stock: {name}",
        greeting(),
        f"the stock of “{name}” (product {product_id}) is down to {stock}.",
        f"You get this mail once when a stock falls to {threshold} or below.",
    )


def report_attached(kind: str, rows: int) -> Text:
    return letter(
        f"Your report is ready: {kind}",
        greeting(),
        f"the report “{kind}” that you asked for is attached. It has {rows:,} rows.",
    )


def report_to_fetch(kind: str, rows: int, size: int, link: str) -> Text:
    return letter(
        f"Your report is ready: {kind}",
        greeting(),
        f"the report “{kind}” that you asked for is ready. It has {rows:,} rows.",
        f"The file is too large for a mail ({size / 1e6:,.1f} MB); fetch it here:\n{link}",
        "Whoever has this link can fetch the file, for a limited time.",
    )


def report_failed(kind: str, reason: str) -> Text:
    return letter(
        f"Your report has failed: {kind}",
        greeting(),
        f"the report “{kind}” that you asked for could not be made:",
        reason,
        "Please ask for it again later.",
    )


def greeting(name: str | None = None) -> str:
    return f"Hello {name}," if name else "Hello,"


def letter(subject: str, *paragraphs: str) -> Text:
    return Text(subject, "\n\n".join([*paragraphs, "-- \nProducts API\n"]))
