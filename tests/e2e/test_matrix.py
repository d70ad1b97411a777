# SPDX-License-Identifier: Apache-2.0
"""Who may call what: each route of the route table, called without a token, with a wrong one, with a
source's and with the administrator's; and each method that a path does not have."""

import os
import sys
import uuid

import harness

sys.path.insert(1, os.path.join(harness.ROOT, "tests/lint"))

import route_table

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
# What a probe shows anybody. A new one is a decision, not an accident.
OPEN = {("GET", "/livez"), ("GET", "/readyz")}


def filled(pattern, *values):
    """The pattern with its parameters replaced, by ids of nothing if none are given."""
    values = list(values)
    while "{}" in pattern:
        value = values.pop(0) if values else str(uuid.uuid4())
        pattern = pattern.replace("{}", value, 1)
    return pattern


class Matrix(harness.Case):
    def setUp(self):
        super().setUp()
        self.ringbell = self.daemon(rings={"memory_bytes": 16 * harness.MIB,
                                           "block_bytes": 1 << 18})
        self.admin = self.ringbell.tokens["admin"]
        self.source = self.ringbell.tokens["sources"]["native"]
        self.rows = route_table.rows()

    def status(self, method, path, token):
        headers = {"Authorization": f"Bearer {token}" if token else ""}
        return self.ringbell.api.ask(method, path, headers=headers)

    def rows_of(self, permission):
        rows = [(method, pattern) for method, pattern, found in self.rows if found == permission]
        self.assertTrue(rows)
        return rows

    def test_every_row_has_a_known_permission(self):
        self.assertEqual({permission for _, _, permission in self.rows},
                         {"open", "source", "admin", "download"})
        self.assertEqual(set(self.rows_of("open")), OPEN)

    def test_open_routes_take_anybody(self):
        for method, pattern in self.rows_of("open"):
            for token in (None, "wrong", self.source, self.admin):
                answer = self.status(method, filled(pattern), token)
                self.assertEqual(answer.status, 200, (method, pattern, answer))

    def test_admin_routes_take_the_administrator_only(self):
        prefix = self.admin[:-1]
        for method, pattern in self.rows_of("admin") + self.rows_of("download"):
            path = filled(pattern)
            for token in (None, "wrong", self.source, prefix, self.admin + "x"):
                answer = self.status(method, path, token)
                self.assertEqual(answer.status, 401, (method, path, answer))
                self.assertIn("www-authenticate", answer.headers)
            answer = self.status(method, path, self.admin)
            self.assertNotIn(answer.status, (401, 403, 405), (method, path, answer))
            self.assertLess(answer.status, 500, (method, path, answer))

    def test_a_link_opens_its_own_path_only(self):
        downloads = sorted({filled(pattern) for _, pattern in self.rows_of("download")})
        links = [self.ringbell.api.call("POST", "/api/v1/links", {"path": path})["path"]
                 for path in downloads]
        for path, link in zip(downloads, links):
            answer = self.status("GET", link, None)
            self.assertNotIn(answer.status, (401, 403, 405), (link, answer))
            signed = link.partition("?")[2]
            others = [filled(pattern) for _, pattern in self.rows_of("admin")]
            for other in others + [other for other in downloads if other != path]:
                answer = self.status("GET", f"{other}?{signed}", None)
                self.assertIn(answer.status, (401, 405), (other, link, answer))

    def test_other_schemes_are_no_token(self):
        for header in ("", "Bearer", "Bearer ", f"Basic {self.admin}", self.admin,
                       f"Bearer {self.admin},{self.admin}"):
            answer = self.ringbell.api.ask("GET", "/api/v1/status",
                                           headers={"Authorization": header})
            self.assertEqual(answer.status, 401, (header, answer))
        answer = self.ringbell.api.ask("GET", f"/api/v1/status?token={self.admin}",
                                       headers={"Authorization": ""})
        self.assertEqual(answer.status, 401, answer)

    def test_source_routes_take_the_sources_own_token_only(self):
        alertmanager = self.ringbell.tokens["sources"]["alertmanager"]
        for method, pattern in self.rows_of("source"):
            for name, token in (("native", "wrong"), ("native", self.admin), ("nobody", "wrong"),
                                ("native", alertmanager), ("alertmanager", self.source),
                                ("nobody", self.source), ("Native", self.source)):
                # the administrator's bearer token opens no source either
                for bearer in (None, self.admin):
                    answer = self.status(method, filled(pattern, name, token), bearer)
                    self.assertEqual(answer.status, 401, (name, answer))
            answer = self.status(method, filled(pattern, "native", self.source), None)
            # the token may stand in a header or in the body; a probe needs no body
            wanted = 401 if pattern.count("{}") < 2 else 400 if method == "POST" else 200
            self.assertEqual(answer.status, wanted, (method, pattern, answer))

    def test_methods_a_path_does_not_have(self):
        paths = {}
        for method, pattern, _ in self.rows:
            paths.setdefault(pattern, set()).add(method)
        for pattern, known in paths.items():
            for method in METHODS:
                if method in known:
                    continue
                for token in (None, self.admin):
                    answer = self.status(method, filled(pattern), token)
                    self.assertEqual(answer.status, 405, (method, pattern, answer))
                    self.assertEqual(set(answer.headers["allow"].split(", ")), known)

    def test_other_paths_are_nothing(self):
        for _, pattern, _ in self.rows:
            path = filled(pattern)
            for other in (path + "/", path + "/more", "/" + path, path.upper(), path + "%2f",
                          path + "%00", "/api/v1/.." + path, path + ";x=1"):
                answer = self.status("GET", other, self.admin)
                # a parameter takes any piece: then it is an object that does not exist
                # behind a source's name comes a token
                known = (400, 401, 404, 405) if pattern.startswith("/in/") else (400, 404, 405)
                self.assertIn(answer.status, known, (other, answer))
                anonymous = self.status("GET", other, None)
                self.assertIn(anonymous.status, (400, 401, 404, 405), (other, anonymous))


if __name__ == "__main__":
    harness.main()
