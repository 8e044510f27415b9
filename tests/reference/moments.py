"""Moments as microseconds since 1970, and local days."""
import re
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII)
HOUR, DAY = 3600 * 10**6, 86400 * 10**6
ZONES = {"NO": "Europe/Oslo", "SE": "Europe/Stockholm", "FI": "Europe/Helsinki", "DK": "Europe/Copenhagen",
         "DE": "Europe/Berlin", "AT": "Europe/Vienna", "CH": "Europe/Zurich", "NL": "Europe/Amsterdam",
         "BE": "Europe/Brussels"}
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def parse(text):
    """None where it is no RFC 3339 time. What is below a microsecond is cut off."""
    found = RFC3339.fullmatch(text)
    if not found:
        return None
    year, month, day, hour, minute, second = (int(x) for x in found.groups()[:6])
    offset = 0
    if found[8]:
        hours, minutes = int(found[9]), int(found[10])
        if hours > 23 or minutes > 59:
            return None
        offset = (hours * 60 + minutes) * (1 if found[8] == "+" else -1)
    if hour > 23 or minute > 59 or second > 60:
        return None
    try:
        # The calendar repeats every 400 years; Python knows no year 0.
        days = date(year or 400, month, day).toordinal() - date(1970, 1, 1).toordinal() - (0 if year else 146097)
    except ValueError:
        return None
    minutes = days * 1440 + hour * 60 + minute - offset
    if second == 60 and minutes % 1440 != 1439:
        return None
    fraction = int((found[7] or "0")[:6].ljust(6, "0"))
    return (minutes * 60 + second) * 10**6 + fraction


def text(at):
    try:
        return (EPOCH + timedelta(microseconds=at)).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return None


@lru_cache(None)
def zone(country):
    return ZoneInfo(ZONES[country])


@lru_cache(100_000)
def local_day(at, country):
    try:
        return (EPOCH + timedelta(seconds=at // 10**6)).astimezone(zone(country)).date().toordinal()
    except (OverflowError, ValueError):
        return at // DAY
