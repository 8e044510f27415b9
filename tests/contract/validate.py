#!/usr/bin/env python3
"""Holds the documents in schemas/ to standards and to real records, by validators that are not ours.

    validate.py BINARY [--asyncapi META_SCHEMA] [--cases FOLDER]

- openapi.json by openapi-spec-validator, and every example in it by its own schema;
- asyncapi.json by the meta-schema of AsyncAPI 3.0, and the files that it refers to are there;
- each JSON Schema by the meta-schema of its dialect;
- records by the JSON Schemas (the package jsonschema, formats too): events that are generated with all their mistakes, of the
  golden scenarios, of the shared cases and spoilt one by one, which the schema has to refuse where the form checks do and to
  take where they do not; the outcomes of them; topics recorded on a real broker; samples that tests/it/contract.rs keeps.

Prints a line for each part, at the end 'N passed, N failed', and exits 1 where one failed. tests/contract/run.sh installs what
it needs.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

import zstandard
from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "schemas"
# The code of a form check whose rule a JSON Schema cannot say: too many decimals.
DECIMALS = "400.007"
FAULTS_SHOWN = 5

passed = failed = 0


def part(name, checked, faults):
    """Tells how a part went."""
    global passed, failed
    faults = list(faults)
    passed += not faults
    failed += bool(faults)
    print(f"{'ok  ' if not faults else 'FAIL'} {name}: {checked}")
    for fault in faults[:FAULTS_SHOWN]:
        print(f"       {fault}")
    if len(faults) > FAULTS_SHOWN:
        print(f"       and {len(faults) - FAULTS_SHOWN} more")


def read(path):
    # Numbers exact, as tillgate has them.
    return json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)


FORMATS = FormatChecker()
DATE_TIME = FORMATS.checkers["date-time"][0]


@FORMATS.checks("date-time")
def is_date_time(value):
    """RFC 3339 has a year 0000, which is a leap year, and leap seconds; Python's datetime has neither."""
    if isinstance(value, str):
        value = re.sub("(:59):60", r"\1:59", re.sub("^0000", "2000", value))
    return DATE_TIME(value)


def validator(schema, **more):
    return Draft202012Validator(schema, format_checker=FORMATS, **more)


def first_fault(by, value):
    """Where and why a value is refused; None where it is not."""
    fault = next(by.iter_errors(value), None)
    return fault and f"{fault.json_path}: {fault.message[:200]}"


def lines(path):
    """The JSON values of a file of lines; what is none is passed over."""
    values = []
    for line in path.read_bytes().splitlines():
        try:
            values.append(json.loads(line.decode("utf-8-sig"), parse_float=Decimal))
        except ValueError:
            continue
    return values


def schemas():
    files = sorted(SCHEMAS.glob("*.schema.json"))
    faults = []
    for file in files:
        schema = read(file)
        try:
            Draft202012Validator.check_schema(schema)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a fault of the schema
            faults.append(f"{file.name}: {error}")
    part("JSON Schemas", f"{len(files)} files", faults)
    return {file.name.removesuffix(".schema.json"): validator(read(file)) for file in files}


def openapi():
    document = read(SCHEMAS / "openapi.json")
    faults = [f"{fault.json_path}: {fault.message[:200]}" for fault in OpenAPIV31SpecValidator(document).iter_errors()]
    part("openapi.json", f"{len(document['paths'])} paths", faults)
    registry = Registry().with_resource("urn:openapi", Resource(contents=document, specification=DRAFT202012))
    faults, count = [], 0

    def hold(schema, value, where):
        nonlocal count
        count += 1
        # References are into the document.
        schema = json.loads(json.dumps(schema, default=float).replace('"#/', '"urn:openapi#/'))
        fault = first_fault(validator(schema, registry=registry), value)
        if fault:
            faults.append(f"{where}: {fault}")

    def walk(node, where):
        if isinstance(node, dict):
            if "schema" in node:
                for name, example in node.get("examples", {}).items():
                    hold(node["schema"], example["value"], f"{where}/examples/{name}")
                if "example" in node:
                    hold(node["schema"], node["example"], f"{where}/example")
            for name, member in node.items():
                walk(member, f"{where}/{name}")
        elif isinstance(node, list):
            for place, item in enumerate(node):
                walk(item, f"{where}/{place}")

    walk(document, "")
    part("examples of openapi.json", f"{count} examples", faults)


def asyncapi(meta_schema):
    document = json.loads((SCHEMAS / "asyncapi.json").read_text(encoding="utf-8"))
    if meta_schema is None:
        print("skip asyncapi.json: no --asyncapi META_SCHEMA")
    else:
        meta = json.loads(Path(meta_schema).read_text(encoding="utf-8"))
        faults = [f"{f.json_path}: {f.message[:200]}" for f in Draft7Validator(meta).iter_errors(document)]
        part("asyncapi.json", f"{len(document['channels'])} channels", faults)
    references = set(re.findall(r'"\$ref": "([^"#]+)', json.dumps(document)))
    faults = [f"{file} is not there" for file in references if not (SCHEMAS / file).is_file()]
    part("references of asyncapi.json", f"{len(references)} files", faults)


def check(binary, events, *more):
    """Outcomes of `tillgate check`."""
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as output:
        command = [binary, "check", "--events", str(events), "--output", output.name, *more]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        # 3: done, but lines were lost, as some are meant to be.
        if run.returncode not in (0, 3):
            raise SystemExit(f"{' '.join(command)}: {run.stderr}")
        return lines(Path(output.name))


def beyond_a_schema(message):
    """Whether a fault is one that no JSON Schema can say: of other records, of the stream, of two fields multiplied."""
    words = message["message"]
    return (
        message["code"] == DECIMALS
        or "future" in words
        or "twice" in words
        or message["code"] == "pos.state.unavailable"
        or ".discount" in message.get("fieldReference", "")
    )


class Agreement:
    """Holds what the schema says of events to what the form checks say: what is judged it takes, what is not it refuses."""

    def __init__(self, by):
        self.by, self.faults, self.taken, self.refused = by, [], 0, 0

    def hold(self, events, outcomes):
        texts = events.read_bytes().splitlines()
        for outcome in outcomes:
            source, messages = outcome["source"], outcome["riskCheckMessages"]
            if source["topic"] != "pos.events" or "supersedes" in outcome:
                continue
            try:
                event = json.loads(texts[source["offset"]].decode("utf-8-sig"), parse_float=Decimal)
            except ValueError:
                continue
            fault = first_fault(self.by["pos_event"], event)
            if outcome["outcome"] != "NotEvaluated":
                self.taken += 1
                if fault:
                    self.faults.append(f"judged, and refused by the schema: {fault}")
            elif not all(beyond_a_schema(message) for message in messages):
                self.refused += 1
                if not fault:
                    self.faults.append(f"taken by the schema, and not judged: {messages}")

    def tell(self, name):
        part(name, f"{self.taken} judged are taken, {self.refused} with faults are refused", self.faults)


def generated(binary, by):
    with tempfile.TemporaryDirectory() as folder:
        events, accounts = Path(folder, "events.jsonl"), Path(folder, "accounts.jsonl")
        load = [binary, "load", "--count", "6000", "--accounts", "500", "--seed", "11", "--to", str(events)]
        subprocess.run([*load, "--account-events", str(accounts)], check=True, capture_output=True)
        outcomes = check(binary, events, "--account-events", str(accounts))
        account_events = lines(accounts)
        faults = [fault for event in account_events if (fault := first_fault(by["account_event"], event))]
        part("account events", f"{len(account_events)} generated", faults)
        told(by, "outcomes of generated events", outcomes)
        agreement = Agreement(by)
        agreement.hold(events, outcomes)
        agreement.tell("generated POS events")


def spoilt(binary, by):
    """The purchase of the examples with one field left out, null, blank, too long, of another type, or another value."""
    purchase = read(ROOT / "src/contract/examples.json")["purchase"]
    values = [None, "", " ", "x" * 100, "x" * 101, "x" * 4096, "x" * 4097, 7, "7", 0, -7, True, [], {}, Decimal("1e15")]
    places = [((), name) for name in by["pos_event"].schema["properties"] if name != "accountNumber"]
    item = by["pos_event"].schema["properties"]["items"]["items"]
    places += [(("items", 0), name) for name in item["properties"]]
    texts = []
    for path, name in places:
        for value in ["left out", *values]:
            # A category that is blank is taken as none; the contract does not say so.
            if name == "categoryType" and isinstance(value, str) and not value.strip():
                continue
            event = json.loads(json.dumps(purchase, default=float))
            inner = event
            for step in path:
                inner = inner[step]
            inner[name] = value
            if value == "left out":
                del inner[name]
            texts.append(json.dumps(event, default=float))
    texts += [json.dumps({**purchase, "items": purchase["items"][:1] * lines}, default=float) for lines in (200, 201)]
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder, "events.jsonl")
        events.write_text("\n".join(texts), encoding="utf-8")
        agreement = Agreement(by)
        agreement.hold(events, check(binary, events))
        agreement.tell("spoilt POS events")


def told(by, name, outcomes):
    faults = [fault for outcome in outcomes if (fault := first_fault(by["pos_outcome"], outcome))]
    part(name, f"{len(outcomes)} outcomes", faults)


def scenarios(binary, by, name, folders):
    outcomes, agreement = [], Agreement(by)
    for folder in folders:
        more = []
        if (folder / "account_events.jsonl").exists():
            more += ["--account-events", str(folder / "account_events.jsonl")]
        if (folder / "profile_records.jsonl").exists():
            more += ["--profile-records", str(folder / "profile_records.jsonl")]
        if (folder / "sets.txt").exists():
            for line in (folder / "sets.txt").read_text(encoding="utf-8").splitlines():
                more += ["--set", line] if line.strip() else []
        some = check(binary, folder / "events.jsonl", *more)
        outcomes += some
        # The schema is that of the default configuration.
        if "--set" not in more:
            agreement.hold(folder / "events.jsonl", some)
    told(by, f"outcomes of {name}", outcomes)
    agreement.tell(f"POS events of {name}")


def recorded(by):
    """Topics that a real broker had, as `tillgate topics export` wrote them."""
    counts, faults = {"pos.outcomes": 0, "pos.dead-letters": 0}, []
    for topic in counts:
        for file in sorted((ROOT / "tests/recorded").glob(f"*/{topic}/*.jsonl.zst")):
            text = zstandard.ZstdDecompressor().stream_reader(file.read_bytes()).read()
            for line in text.splitlines():
                record = json.loads(line, parse_float=Decimal)
                if topic == "pos.outcomes" and "value" not in record:
                    continue  # Avro
                if topic == "pos.outcomes":
                    value, schema = record["value"], "pos_outcome"
                else:
                    value = {header["name"]: header["value"] for header in record["headers"]}
                    schema = "dead_letter_headers"
                counts[topic] += 1
                fault = first_fault(by[schema], value)
                if fault:
                    faults.append(f"{topic}: {fault}")
    part("recorded topics", ", ".join(f"{count} of {topic}" for topic, count in counts.items()), faults)


def samples(by):
    """What tests/it/contract.rs had the code write; a sample of which it says so is one that the code refuses."""
    all_samples = lines(ROOT / "tests/contract/samples.jsonl")
    faults = []
    for sample in all_samples:
        fault = first_fault(by[sample["schema"]], sample["record"])
        if bool(fault) == sample["valid"]:
            faults.append(f"{sample['schema']}: {fault or 'taken, though it is none'}")
    part("samples", f"{len(all_samples)} records", faults)


def main():
    arguments = argparse.ArgumentParser(description="Holds schemas/ to standards and to real records.")
    arguments.add_argument("binary", type=Path)
    arguments.add_argument("--asyncapi", type=Path, help="the meta-schema of AsyncAPI 3.0")
    arguments.add_argument("--cases", type=Path, help="a folder of cases, each with events.jsonl")
    given = arguments.parse_args()
    binary = str(given.binary.resolve())
    by = schemas()
    openapi()
    asyncapi(given.asyncapi)
    generated(binary, by)
    spoilt(binary, by)
    scenarios(binary, by, "golden scenarios", sorted(path.parent for path in (ROOT / "tests/golden").glob("*/events.jsonl")))
    if given.cases:
        scenarios(binary, by, "shared cases", sorted(path.parent for path in given.cases.glob("*/events.jsonl")))
    recorded(by)
    samples(by)
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
