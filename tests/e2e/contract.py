# SPDX-License-Identifier: Apache-2.0
"""docs/openapi.json as a judge: every answer the tests get must be described there, with its status,
headers, content type and each member; and what was accepted must be a request that is described.

A violation is no AssertionError: waiting for a condition must not swallow it. Those in threads are
kept in `violations`, which the harness looks at after each test.
"""

import json
import os
import re
import sys

SYSTEM_PYTHON = "/usr/bin/python3"

try:
    import jsonschema
except ImportError:
    # Another Python came first in PATH; Debian's has Debian's modules.
    if os.path.realpath(sys.executable) == os.path.realpath(SYSTEM_PYTHON):
        sys.exit("python3-jsonschema is missing: firmware/install-deps test")
    os.execv(SYSTEM_PYTHON, [SYSTEM_PYTHON, *sys.orig_argv[1:]])

PATH = os.path.normpath(f"{os.path.dirname(os.path.abspath(__file__))}/../../docs/openapi.json")

# HTTP's own, and two that every answer has; the rest must be described.
GENERAL = {"date", "connection", "content-length", "transfer-encoding", "content-type",
           "cache-control", "x-content-type-options"}

# One piece of a path; an encoded slash or control character makes it no path of ours.
PARAMETER = r"(?!\.{1,2}(?:/|$))(?:[^/%]|%(?!2[fF]|[01]|7[fF])[0-9a-fA-F]{2})+"

violations = []


class Violation(Exception):
    """An answer, or an accepted request, that docs/openapi.json does not describe."""


class Contract:
    def __init__(self, path=PATH):
        with open(path) as file:
            self.document = json.load(file)
        self.resolver = jsonschema.RefResolver.from_schema(
            self.document, id_of=lambda _: "")
        self.routes = [(self._pattern(path), path, item)
                       for path, item in self.document["paths"].items()]
        self.validators = {}

    @staticmethod
    def _pattern(path):
        pieces = [(PARAMETER if piece.startswith("{") else re.escape(piece))
                  for piece in path.split("/")]
        return re.compile("/".join(pieces))

    def resolve(self, thing):
        """The thing itself, or what its $ref names."""
        while "$ref" in thing:
            found = self.document
            for key in thing["$ref"].lstrip("#/").split("/"):
                found = found[key]
            thing = found
        return thing

    def find(self, method, target):
        """(path, operation); operation None: no such method; both None: no such path."""
        path = target.partition("?")[0]
        for pattern, name, item in self.routes:
            if pattern.fullmatch(path):
                return name, item.get(method.lower())
        return None, None

    def methods(self, path):
        return [name.upper() for name in self.document["paths"][path] if name != "parameters"]

    def complaints(self, schema, value):
        """What is wrong with value, as texts."""
        key = id(schema)
        if key not in self.validators:
            self.validators[key] = jsonschema.Draft202012Validator(schema, resolver=self.resolver)
        return [f"{error.json_path}: {error.message[:300]}"
                for error in self.validators[key].iter_errors(value)]

    def judge(self, method, target, answer, request=None):
        """The complaints about an answer; request: the body that was sent, as bytes."""
        path, operation = self.find(method, target)
        described = operation["responses"] if operation else {}
        response = described.get(str(answer.status))
        if not response and not (operation and answer.status in (404, 405)):
            response = self.document["x-ringbell-elsewhere"].get(str(answer.status))
        if not response:
            return [f"status {answer.status} is not described"]
        response = self.resolve(response)
        found = self._judge_headers(response, answer)
        found += self._judge_body(response, method, answer)
        if path and answer.status == 405:
            found += self._judge_allow(path, answer)
        if operation and answer.status // 100 == 2 and request:
            found += self._judge_request(operation, request)
        return found

    def _judge_headers(self, response, answer):
        described = {name.lower(): header for name, header in response.get("headers", {}).items()}
        found = [f"header {name} is not described" for name in answer.headers
                 if name not in described and name not in GENERAL]
        for name, header in described.items():
            if name in answer.headers:
                found += [f"header {name}{complaint[1:]}" for complaint in
                          self.complaints(header["schema"], answer.headers[name])]
            elif header.get("required"):
                found.append(f"header {name} is missing")
        return found

    def _judge_body(self, response, method, answer):
        content = response.get("content", {})
        kind = answer.headers.get("content-type")
        if (kind or content) and kind not in content:
            return [f"content type {kind} is not described, but {list(content)}"]
        if method == "HEAD" or not content:
            return [f"a body of {len(answer.body)} bytes is not described"] if answer.body else []
        if answer.body is None or not kind.endswith("json"):
            return []
        try:
            value = json.loads(answer.body)
        except ValueError as error:
            return [f"body: {error}"]
        return self.complaints(content[kind]["schema"], value)

    def _judge_allow(self, path, answer):
        allowed = sorted(answer.headers.get("allow", "").split(", "))
        if allowed != sorted(self.methods(path)):
            return [f"Allow has {allowed}, described are {self.methods(path)}"]
        return []

    def _judge_request(self, operation, request):
        body = operation.get("requestBody")
        if not body:
            return []
        return [f"accepted request: {complaint}" for complaint in
                self.complaints(body["content"]["application/json"]["schema"],
                                json.loads(request))]


_contract = Contract()


def check(method, target, answer, request=None):
    """Raises Violation, and keeps it."""
    found = _contract.judge(method, target, answer, request)
    if found:
        text = f"{method} {target}: {answer!r}: " + "; ".join(found)
        violations.append(text)
        raise Violation(text)
