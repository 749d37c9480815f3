"""The texts of the mails."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    subject: str
    body: str


def welcome(name: str | None) -> Text:
    return letter(
        "Welcome to Products API",
        greeting(name),
        "You have signed in to Products API for the first time, and we have created your profile.",
        "If this was not you, please tell the people who run this service.",
    )


def stock_low(name: str, product_id: str, stock: int, threshold: int) -> Text:
    return letter(
        f"Low stock: {name}",
        greeting(),
        f"The stock of “{name}” (product {product_id}) is down to {stock}.",
        f"We send this mail once each time the stock of a product falls to {threshold} or below.",
    )


def report_attached(kind: str, rows: int) -> Text:
    return letter(
        f"Your report is ready: {kind}",
        greeting(),
        f"The report “{kind}” that you requested is attached. It has {count(rows)}.",
    )


def report_linked(kind: str, rows: int, size: int, link: str) -> Text:
    return letter(
        f"Your report is ready: {kind}",
        greeting(),
        f"The report “{kind}” that you requested is ready. It has {count(rows)}.",
        f"The file is too large for a mail ({size / 1e6:,.1f} MB). You can download it here:\n{link}",
        "The link works for a limited time. Anyone who has it can download the file, so please do not share it.",
    )


def report_failed(kind: str, reason: str) -> Text:
    return letter(
        f"Your report could not be made: {kind}",
        greeting(),
        f"The report “{kind}” that you requested could not be made. The reason is:",
        reason,
        "Please request it again later.",
    )


def webhook_disabled(webhook_id: str, url: str, reason: str) -> Text:
    causes = {
        "gone": "The server answered 410 Gone, which asks us to send nothing more.",
        "failing": "All attempts of the last five days have failed.",
    }
    return letter(
        "Your webhook was disabled",
        greeting(),
        f"We have disabled the webhook {webhook_id}, which sends events to {url}.",
        causes[reason],
        "Its deliveries wait. When the server works again, enable the webhook, then recover the events that it missed.",
    )


def count(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows:,} rows"


def greeting(name: str | None = None) -> str:
    return f"Hello {name}," if name else "Hello,"


def letter(subject: str, *paragraphs: str) -> Text:
    return Text(subject, "\n\n".join([*paragraphs, "-- \nProducts API\n"]))
