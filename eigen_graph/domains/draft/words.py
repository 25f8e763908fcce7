"""Text for a field, by what the field is called: Faker knows names, towns and telephone numbers."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from faker import Faker

_PROVIDERS: Final = {
    name: provider
    for provider, names in {
        "first_name": "first_name",
        "last_name": "last_name surname",
        "name": "full_name",
        "phone_number": "phone_number phone telephone mobile",
        "street_address": "street_address address street",
        "postcode": "postcode zip zip_code",
        "city": "city town",
        "country": "country",
        "company": "company",
        "job": "job",
        "user_name": "user_name username",
        "url": "url website",
        "color_name": "color_name color colour",
        "currency_code": "currency",
        "license_plate": "license_plate",
        "iban": "iban",
        "isbn13": "isbn",
        "sentence": "note notes description text comment message reason summary",
    }.items()
    for name in names.split()
}
"""Faker's provider for a field of this name, or one that ends in it."""
_PEOPLE = re.compile(
    r"customer|guest|patient|person|user|employee|member|driver|doctor|agent|student|teacher|passenger|reader|owner"
    r"|contact|client|tenant|visitor|technician|subscriber",
    re.IGNORECASE,
)
DAYS: Final = 60
"""How far back dates go that no bound holds."""


class Words:
    """Draws text; the same seed gives the same text, whatever the day."""

    def __init__(self, faker: Faker, rng: random.Random, now: datetime) -> None:
        self.faker, self.rng, self.now = faker, rng, now

    def of(self, field: str, record: str, key: str, row: Mapping[str, Any]) -> str:
        """Text for a field.

        Args:
            field: Its name.
            record: Name of the record type.
            key: The record's key: keeps addresses apart.
            row: The record's fields so far; an e-mail address follows from its name.
        """
        if field.endswith("email"):
            return self._email(key, row)
        if field == "name" and _PEOPLE.search(record):
            return f"{self.faker.first_name()} {self.faker.last_name()}"
        if field.endswith("_at"):
            return self.past().isoformat(timespec="minutes")
        if field in {"date", "day"} or field.endswith(("_on", "_date", "_day")):
            return self.past().date().isoformat()
        if provider := next((_PROVIDERS[name] for name in _tails(field) if name in _PROVIDERS), ""):
            return str(getattr(self.faker, provider)()).replace("\n", ", ")
        return " ".join(self.faker.words(2)).capitalize()

    def past(self) -> datetime:
        """A moment of the last sixty days."""
        return self.now - timedelta(minutes=self.rng.randrange(DAYS * 24 * 60))

    def _email(self, key: str, row: Mapping[str, Any]) -> str:
        names = [row[name] for name in ("first_name", "last_name") if name in row] or [row.get("name")]
        spoken = " ".join(str(name) for name in names if name) or self.faker.first_name()
        plain = ".".join(re.findall(r"[a-z]+", spoken.lower().replace("'", "")))
        return f"{plain or 'someone'}{int((re.findall(r'[0-9]+', key) or ['0'])[-1]) % 1000}@example.com"


def _tails(field: str) -> list[str]:
    """`home_phone_number`: itself, `phone_number`, `number`."""
    parts = field.split("_")
    return ["_".join(parts[start:]) for start in range(len(parts))]
