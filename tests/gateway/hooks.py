"""Mends what JSON Schema cannot say of the requests that schemathesis makes to be taken. Those made to be refused stay."""

import itertools
from decimal import ROUND_FLOOR, Decimal

import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation import GenerationMode

EVENT = "/api/v3/customer-account/{accountNumber}/event"
INTERACTION = "/v1/interactions"
# A leap year that is over, so that it has every day.
PAST = 2024
KEY_CHARS = 60
numbers = itertools.count()


@schemathesis.hook
def before_call(context, case, kwargs):
    def is_good(place):
        made = case.meta and case.meta.components.get(place)
        return made and made.mode == GenerationMode.POSITIVE

    if case.operation.path == EVENT and isinstance(case.body, dict) and is_good(ParameterLocation.BODY):
        schema = case.operation.schema.raw_schema["components"]["schemas"]["PosEvent"]["properties"]
        case.body = mended(case.body, schema)
    if case.operation.path == INTERACTION and isinstance(case.body, dict) and is_good(ParameterLocation.BODY):
        case.body = {**case.body, "occurredAt": in_the_past(case.body["occurredAt"])}
    # A key that was used for another interaction is a conflict: whether it was is no matter of form.
    if case.operation.path == INTERACTION and is_good(ParameterLocation.HEADER) and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = f"{case.headers['Idempotency-Key'][:KEY_CHARS]}{next(numbers)}"


def in_the_past(time):
    """What took place does not lie ahead."""
    return f"{PAST}{time[4:]}" if time[:4] > str(PAST) else time


def mended(event, schema):
    event = rounded(event, schema)
    if isinstance(event.get("items"), list):
        lines = [rounded(line, schema["items"]["items"]["properties"]) for line in event["items"]]
        event["items"] = [with_fitting_discount(line) for line in lines]
    return event


def rounded(values, properties):
    """Numbers with as many decimals as `x-decimals-max` says, rounded down: so none passes a bound that it was beyond."""
    values = dict(values)
    for name, value in values.items():
        decimals = properties.get(name, {}).get("x-decimals-max")
        if decimals is None or not isinstance(value, float):
            continue
        unit = Decimal(1).scaleb(-decimals)
        exact = Decimal(repr(value))
        if exact.as_tuple().exponent < -decimals:
            # A quantity that was not 0 stays so.
            values[name] = float(exact.quantize(unit, ROUND_FLOOR)) or (float(unit) if name == "quantity" else 0)
    return values


def with_fitting_discount(line):
    """A discount has the line's sign, and is no larger than it."""
    if not isinstance(line.get("discount"), (int, float)):
        return line
    whole = Decimal(repr(line["unitPrice"])) * Decimal(repr(line["quantity"]))
    discount = Decimal(repr(line["discount"]))
    fits = 0 <= discount <= whole or whole <= discount <= 0
    return line if fits else {**line, "discount": 0}


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Sums of more digits than an account can hold are refused like a fault of form: a matter of what came before."""
    return not (response.status_code == 400 and b"would take the balance out of 18 digits" in response.content)
