#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The route table, docs/openapi.json and docs/api.md tell the same: routes, permissions, problem codes.

With --matrix, prints every route with its permission instead. With --self-check, the rule is shown
sources it must complain about."""
import json
import re
import sys

import route_table
import tree

OPENAPI = "docs/openapi.json"
PAGE = "docs/api.md"
METHODS = ("get", "head", "post", "put", "patch", "delete")
# whose complaints become answers
SOURCES = ("dispatch/serve/", "policy/", "base/json.c")
# answers to nobody: what the process reads at its own start
NOT_HTTP = ("dispatch/serve/setting_row.c", "dispatch/serve/listen.c",
            "dispatch/serve/first_start.c")

CODE_PLACES = [
    re.compile(r'\bexchange_refuse\(\s*[^,"]+,\s*\d+,\s*"([a-z_]+)"'),
    re.compile(r'\bproblem_format\(\s*[^,"]+,\s*"([a-z_]+)"'),
    re.compile(r'\berror_set\(\s*[^,]+,([^,]*),'),
]
WORD = re.compile(r'"([a-z_]+)"')


# ---- routes ----

def described_routes(document):
    """(method, path, permission, path parameters) of each operation."""
    for path, item in document["paths"].items():
        for method in METHODS:
            operation = item.get(method)
            if operation:
                yield method.upper(), path, operation


def check_routes(document, rows):
    table = {(method, path): permission for method, path, permission in rows}
    described = {}
    complaints = []
    for method, path, operation in described_routes(document):
        described[method, route_table.plain(path)] = operation["x-ringbell-permission"]
        complaints += check_operation(method, path, operation)
    for key in table.keys() | described.keys():
        if table.get(key) != described.get(key):
            complaints.append(f"{OPENAPI}: {key[0]} {key[1]}: permission {described.get(key)}, "
                              f"in {route_table.PATH} {table.get(key)}")
    return complaints


def check_operation(method, path, operation):
    where = f"{OPENAPI}: {method} {path}"
    declared = [parameter["name"] for parameter in operation.get("parameters", [])
                if parameter["in"] == "path"]
    complaints = []
    if declared != re.findall(r"\{(\w+)\}", path):
        complaints.append(f"{where}: path parameters {declared}")
    secured = operation["security"] == [{"bearer": []}]
    if secured != (operation["x-ringbell-permission"] in ("admin", "download")):
        complaints.append(f"{where}: security does not fit the permission")
    if ("401" in operation["responses"]) == (operation["x-ringbell-permission"] == "open"):
        complaints.append(f"{where}: 401 does not fit the permission")
    return complaints


def page_routes(text):
    """(method, path, permission) of the page's table of routes."""
    found = []
    for methods, path, permission in re.findall(
            r"^\| ([A-Z, ]+) \| `([^`]+)` \| ([^|]+) \|", text, re.M):
        permission = "source" if permission.startswith("the source") else permission
        found += [(method, route_table.plain(path), permission)
                  for method in methods.split(", ")]
    return found


def check_page_routes(text, rows):
    page, table = set(page_routes(text)), set(rows)
    return ([f"{PAGE}: no row for {row}" for row in sorted(table - page)] +
            [f"{PAGE}: {row} is not in {route_table.PATH}" for row in sorted(page - table)])


# ---- problem codes ----

def codes_in(text):
    found = set()
    for place in CODE_PLACES:
        for match in place.findall(text):
            found.update(WORD.findall(match) if '"' in match else
                         [match] if re.fullmatch("[a-z_]+", match) else [])
    return found


def coverage_codes():
    """Why a capture is empty: the codes of a refused download."""
    text = tree.text("storage/coverage.c")
    table = re.search(r"cause_codes\[\] = \{(.*?)\};", text, re.S).group(1)
    empty = re.search(r"code_empty\(.*?^\}", text, re.S | re.M).group(0)
    return set(WORD.findall(table)) | set(WORD.findall(empty))


def source_codes():
    codes = coverage_codes()
    for path in tree.files(".c"):
        if path.startswith(SOURCES) and path not in NOT_HTTP:
            codes |= codes_in(tree.text(path))
    return codes


def used_codes(document):
    """Codes that some answer names."""
    found = set()
    for response in re.findall(r'"code": (\{.*?\})', json.dumps(document["components"]) +
                               json.dumps(document["paths"])):
        if '"enum"' in response:
            found.update(json.loads(response)["enum"])
    return found


def page_codes(text):
    return {code for row in re.findall(r"^\| \d{3} \| ([^|]+) \|", text, re.M)
            for code in re.findall(r"`([a-z_]+)`", row)}


def compare(name, codes, sources):
    return ([f"{name}: problem code {code} is missing" for code in sorted(sources - codes)] +
            [f"{name}: no source has problem code {code}" for code in sorted(codes - sources)])


def check_codes(document, page):
    sources = source_codes()
    listed = document["components"]["schemas"]["ProblemCode"]["enum"]
    complaints = compare(f"{OPENAPI}: ProblemCode", set(listed), sources)
    complaints += compare(f"{OPENAPI}: answers", used_codes(document), sources)
    complaints += compare(PAGE, page_codes(page), sources)
    if listed != sorted(listed):
        complaints.append(f"{OPENAPI}: ProblemCode is not in order")
    return complaints


# ---- the document itself ----

def objects(value, path=""):
    if isinstance(value, dict):
        yield path, value
        for key, member in value.items():
            yield from objects(member, f"{path}/{key}")
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from objects(member, f"{path}/{index}")


def check_document(document):
    complaints, names = [], set()
    for path, value in objects(document):
        reference = value.get("$ref")
        if isinstance(reference, str):
            names.add(reference)
            found = document
            for key in reference[2:].split("/"):
                found = found.get(key, {})
            if not found:
                complaints.append(f"{OPENAPI}: {path}: {reference} leads nowhere")
        if value.get("type") == "object" and "properties" in value \
                and "additionalProperties" not in value:
            complaints.append(f"{OPENAPI}: {path}: says nothing about additionalProperties")
    for kind in ("schemas", "responses"):
        complaints += [f"{OPENAPI}: components/{kind}/{name} is used by nobody"
                       for name in document["components"][kind]
                       if f"#/components/{kind}/{name}" not in names]
    return complaints


def check_examples(document):
    """Every example fits its schema, and every schema is one."""
    try:
        import jsonschema
    except ImportError:
        return [f"{OPENAPI}: not looked at: python3-jsonschema is missing"]
    resolver = jsonschema.RefResolver.from_schema(document, id_of=lambda _: "")
    complaints = []

    def judge(path, schema, examples):
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema, resolver=resolver)
        for example in examples:
            complaints.extend(f"{OPENAPI}: {path}: example: {error.json_path}: {error.message}"
                              for error in validator.iter_errors(example))

    for name, schema in document["components"]["schemas"].items():
        judge(name, schema, schema.get("examples", []))
    for path, value in objects(document["paths"]):
        if "schema" in value:
            judge(path, value["schema"], [value["example"]] if "example" in value else [])
    return complaints


# ---- ways to call it ----

def check_all():
    document = json.loads(tree.text(OPENAPI))
    page = tree.text(PAGE)
    rows = route_table.rows()
    tree.finish(check_routes(document, rows) + check_page_routes(page, rows) +
                check_codes(document, page) + check_document(document) +
                check_examples(document), len(rows))


def print_matrix():
    for method, path, permission in route_table.rows():
        print(f"{permission:7} {method:7} {path}")


def self_check():
    document = json.loads(tree.text(OPENAPI))
    rows = route_table.rows()
    forgotten = json.loads(json.dumps(document))
    del forgotten["paths"]["/api/v1/status"]
    opened = json.loads(json.dumps(document))
    opened["paths"]["/api/v1/status"]["get"]["x-ringbell-permission"] = "open"
    lost = json.loads(json.dumps(document))
    del lost["components"]["schemas"]["Ring"]
    tests = [
        ("a route the file lacks", check_routes(forgotten, rows)),
        ("a route the table lacks", check_routes(document, rows[1:])),
        ("another permission", check_routes(opened, rows)),
        ("a route the page lacks", check_page_routes("", rows)),
        ("a reference to nothing", check_document(lost)),
        ("a code nobody has", compare("x", {"a"}, set())),
        ("a code nobody lists", compare("x", set(), codes_in('exchange_refuse(x, 404,\n"a_b", 1)'))),
        ("a code of two", compare("x", {"a"}, codes_in('error_set(&err, c ? "a" : "b", "/f")'))),
        ("a code on the page", compare("x", page_codes("| 409 | `gone_mad` | |"), set())),
    ]
    tree.finish([f"not noticed: {what}" for what, found in tests if not found], len(tests))


if __name__ == "__main__":
    if "--matrix" in sys.argv:
        print_matrix()
    elif "--self-check" in sys.argv:
        self_check()
    else:
        check_all()
