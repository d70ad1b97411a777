# SPDX-License-Identifier: Apache-2.0
"""Random templates within the language docs/templates.md describes, and the values they see."""

TEXTS = ["", "a", "abc", "Hello World", "eth0 down", "<b>&\"'</b>", "告警：丢包率", "ßtraße ÀÉ", "x_y-z",
         "10.0.0.1", " padded\t", "line1\nline2\n\nline4", "42", "-3.5e2", "1_000", "nan", "0x1f",
         "cpu usage is (very) high [host]", "Ünïcödé 🎉", "a,b,,c", "%d%%", "None", "\u00a0x\u2003"]
NUMBERS = [0, 1, 2, 3, 5, 7, 10, 42, -1, -2, -7, 100, 255, 0.5, 1.0, 2.5, -1.5, 3.14159, 1e20, 1e-7,
           1234567.891, 0.1, 2.675, 1e16, 123456789012345680.0, 42.55]
CONTEXTS = [
    {"name": "core-switch <1>", "level": "critical", "n": 5, "f": 2.5, "t": True, "z": False,
     "none": None, "empty": "", "l": [3, 1, 2], "words": ["b", "A", "c", "B"],
     "d": {"b": 1, "a": "x&y", "c": [1, 2, {"k": "v"}]}, "labels": {"host": "db-1", "iface": "eth0"},
     "rows": [{"name": "b", "v": 2, "tag": {"x": 1}}, {"name": "A", "v": 10, "tag": {"x": 2}},
              {"name": "c", "v": 2.5, "tag": {"x": 0}}], "zh": "告警：核心交换机", "e": [], "o": {}},
    {"name": "高延迟", "level": "warning", "n": -3, "f": 0.1, "t": False, "z": True, "none": None,
     "empty": "", "l": [], "words": ["ß", "É", "z"], "d": {}, "labels": {"a b": "<x>", "ü": "ö'\""},
     "rows": [], "zh": "", "e": [], "o": {}},
    {"name": "a\nb", "level": "recovery", "n": 0, "f": 1e22, "t": True, "z": False, "none": None,
     "empty": " ", "l": [1, "1", 1.0, None, True, [2], {"q": 0}], "words": ["x"],
     "d": {"k": None, "it": 1, "n": -0.0}, "labels": {"host": "x"},
     "rows": [{"name": "only", "v": 1, "tag": {}}], "zh": "中", "e": [], "o": {}},
]
NAMES = list(CONTEXTS[0]) + ["nope", "x", "y"]
BINARY = ["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", ">", "<=", ">=", "and", "or", "in",
          "not in"]
TESTS = ["defined", "undefined", "none", "boolean", "true", "false", "integer", "float", "number",
         "string", "mapping", "sequence", "iterable", "odd", "even", "upper", "lower"]
TESTS_WITH = ["divisibleby", "in", "eq", "ne", "gt", "ge", "lt", "le", "equalto"]
TEXT_FILTERS = ["upper", "lower", "capitalize", "title", "trim", "string", "e", "escape", "urlencode",
                "length", "int", "float", "first", "last", "list", "safe", "tojson"]
NUMBER_FILTERS = ["round", "int", "float", "abs", "string", "filesizeformat"]
LIST_FILTERS = ["length", "count", "first", "last", "list", "sort", "min", "max", "sum", "join",
                "unique|list", "reverse|list", "string", "tojson"]


class Generator:
    def __init__(self, random):
        self.random = random

    def pick(self, items):
        return self.random.choice(items)

    def chance(self, share):
        return self.random.random() < share

    # ---- expressions ----

    def text_literal(self):
        text = self.pick(TEXTS)
        quote = self.pick("'\"")
        escaped = text.replace("\\", "\\\\").replace(quote, "\\" + quote)
        if self.chance(0.5):
            escaped = escaped.replace("\n", "\\n")
        if self.chance(0.05):
            escaped += self.pick(["\\x41", "\\u4e2d", "\\t", "\\q", "\\101", "\\U0001F389"])
        return quote + escaped + quote

    def number_literal(self):
        number = self.pick(NUMBERS)
        text = repr(abs(number))
        if self.chance(0.05):
            text = self.pick(["1_000", "0x1F", "0o17", "0b101", "1e3", "1.5E-2", "00", "2_0.5"])
        return text if number >= 0 or self.chance(0.1) else f"-{text}" if self.chance(0.5) else f"(-{text})"

    def literal(self):
        kind = self.random.random()
        if kind < 0.4:
            return self.text_literal()
        if kind < 0.85:
            return self.number_literal()
        return self.pick(["true", "false", "none", "True", "None"])

    def atom(self, depth):
        kind = self.random.random()
        if kind < 0.45 or depth <= 0:
            return self.pick(NAMES) if self.chance(0.6) else self.literal()
        if kind < 0.55:
            return f"({self.expression(depth - 1)})"
        if kind < 0.63:
            return "[" + ", ".join(self.expression(depth - 1) for _ in range(self.random.randrange(4))) + "]"
        if kind < 0.68:
            pairs = (f"{self.literal()}: {self.expression(depth - 1)}"
                     for _ in range(self.random.randrange(3)))
            return "{" + ", ".join(pairs) + "}"
        if kind < 0.72:
            items = [self.expression(depth - 1) for _ in range(self.random.randrange(1, 3))]
            return "(" + ", ".join(items) + ",)"
        return self.member(depth)

    def member(self, depth):
        base = self.pick(["d", "labels", "rows", "l", "name", "zh", "words", "o", "tag", "nope"])
        for _ in range(self.random.randrange(1, 3)):
            kind = self.random.random()
            if kind < 0.35:
                base += "." + self.pick(["a", "b", "c", "k", "host", "name", "v", "tag", "x", "missing"])
            elif kind < 0.5:
                base += f"[{self.pick(['0', '1', '-1', '2', '9', 'n', 'true', '-9'])}]"
            elif kind < 0.65:
                base += f"[{self.pick(['host', 'name', 'a', 'k', 'a b', 'ü', 'zz'])!r}]"
            elif kind < 0.8:
                base += self.slice()
            elif kind < 0.85:
                base += f"[{self.expression(depth - 1)}]"
            else:
                base += self.method(depth)
        return base

    def slice(self):
        bounds = [self.pick(["", "", "0", "1", "2", "-1", "-2", "5", "n"]) for _ in range(3)]
        if self.chance(0.6):
            return f"[{bounds[0]}:{bounds[1]}]"
        return f"[{bounds[0]}:{bounds[1]}:{self.pick(['', '1', '2', '-1', '-2', '0'])}]"

    def method(self, depth):
        return self.pick([
            ".upper()", ".lower()", ".strip()", ".lstrip()", ".rstrip()", f".strip({self.text_literal()})",
            f".split({self.text_literal()})", ".split()", f".split({self.text_literal()}, 1)",
            f".startswith({self.text_literal()})", f".endswith({self.text_literal()})",
            f".replace({self.text_literal()}, {self.text_literal()})", ".items()|list", ".keys()|list",
            ".values()|list", f".get({self.text_literal()})",
            f".get({self.text_literal()}, {self.expression(depth - 1)})",
            f".join({self.expression(depth - 1)})"])

    def filter(self, depth):
        kind = self.random.random()
        if kind < 0.25:
            return self.pick(TEXT_FILTERS)
        if kind < 0.35:
            return self.pick(NUMBER_FILTERS)
        if kind < 0.5:
            return self.pick(LIST_FILTERS)
        return self.filter_with(depth)

    def filter_with(self, depth):
        text, other = self.text_literal(), self.text_literal()
        small = self.pick(["0", "1", "2", "3", "5", "10", "-1", "n"])
        flag = self.pick(["true", "false", "t"])
        name = self.pick(["'name'", "'v'", "'tag.x'", "'missing'", "0", "'tag'"])
        return self.pick([
            f"default({self.expression(depth - 1)})", f"d({text}, {flag})", f"default({text}, boolean=true)",
            f"truncate({self.pick(['3', '5', '9', '11', '20'])})", f"truncate(8, {flag})",
            f"truncate(10, {flag}, {text})", f"truncate(9, false, '', 0)", f"truncate(length=6, leeway={small})",
            f"indent({small})", f"indent(2, {flag}, {flag})", f"indent(width={text})", f"indent(first=true)",
            f"replace({text}, {other})", f"replace({text}, {other}, {small})", f"trim({text})",
            f"join({text})", f"join({text}, attribute={name})", f"join(attribute={name})",
            f"round({small})", f"round({small}, 'ceil')", f"round({small}, 'floor')",
            f"round(method={self.pick(['ceil', 'floor', 'common', 'odd'])!r})",
            f"int({small})", f"int(0, {self.pick(['2', '8', '16', '0', '36'])})", f"float({small})",
            f"center({self.pick(['5', '10', '21'])})", f"tojson({self.pick(['0', '1', '2', 'none'])})",
            f"sort({flag})", f"sort(attribute={name})", f"sort(true, true)", f"sort(attribute='v,name')",
            f"sort(case_sensitive={flag})", f"unique(attribute={name})|list", f"unique({flag})|list",
            f"min(attribute={name})", f"max(attribute={name})", f"max({flag})", f"sum(attribute={name})",
            f"sum(start={small})", f"dictsort", f"dictsort({flag})", f"dictsort(false, 'value')",
            f"dictsort(reverse={flag})", f"items|list", f"batch({self.pick(['1', '2', '3'])})|list",
            f"batch(2, {text})|list", f"map({self.pick(['upper', 'string', 'length', 'title', 'int'])!r})|list",
            f"map(attribute={name})|list", f"map(attribute={name}, default={text})|list",
            f"map('default', {text})|list", f"map('replace', {text}, {other})|list",
            "select|list", "reject|list", f"select({self.pick(TESTS)!r})|list",
            f"reject({self.pick(TESTS)!r})|list", f"select({self.pick(TESTS_WITH)!r}, {small})|list",
            f"selectattr({name})|list", f"rejectattr({name})|list",
            f"selectattr({name}, {self.pick(TESTS)!r})|list",
            f"selectattr({name}, {self.pick(TESTS_WITH + ['>', '==', '<='])!r}, {small})|list",
            f"format({self.expression(depth - 1)})", f"filesizeformat({flag})"])

    def test(self, depth):
        word = self.pick(["is", "is not"])
        if self.chance(0.7):
            return f"{word} {self.pick(TESTS)}"
        argument = self.pick(["2", "3", "'a'", "n", "l", "words", "[1, 2]"])
        if self.chance(0.5):
            return f"{word} {self.pick(TESTS_WITH)}({argument})"
        return f"{word} {self.pick(TESTS_WITH)} {argument}"

    def format(self, depth):
        flags = self.pick(["", "", "-", "0", "+", " ", "#"]) + self.pick(["", "", "5", "12"])
        flags += self.pick(["", "", ".0", ".2", ".3"])
        letter = self.pick("sdifgexrXoGE%")
        return f"'[%{flags}{letter}]'|format({self.expression(depth - 1)})"

    # ---- expressions of one kind, which seldom fail ----

    def number(self):
        return self.pick(["n", "f", "n + 1", "(n * f)", "l|length", "-n", "rows|sum(attribute='v')",
                          "7 // 2", "labels|count"]) if self.chance(0.5) else self.number_literal()

    def text(self):
        return self.pick(["name", "level", "zh", "empty", "labels.host|d('x')", "name ~ n", "words|join('-')",
                          "d|string", "l|tojson", "(name + level)", "name[1:4]", "name|e", "name|reverse"]) \
            if self.chance(0.6) else self.text_literal()

    def items(self):
        return self.pick(["l", "words", "rows", "[n, f, 1]", "[name, level]", "range(4)|list", "name|list",
                          "labels.values()|list", "d.keys()|list", "words[1:]", "(1, 2, 3)", "words + l"])

    def easy(self, depth):
        kind = self.random.random()
        if kind < 0.2:
            return f"{self.number()} {self.pick(['+', '-', '*', '/', '//', '%', '<', '>=', '=='])} {self.number()}"
        if kind < 0.3:
            return f"{self.text()} {self.pick(['+', '~', '==', '<', 'in', 'not in'])} {self.text()}"
        if kind < 0.5:
            return f"({self.text()})|{self.pick(TEXT_FILTERS)}"
        if kind < 0.6:
            return f"{self.items()}|{self.pick(LIST_FILTERS)}"
        if kind < 0.7:
            return f"({self.number()})|{self.pick(NUMBER_FILTERS)}"
        if kind < 0.75:
            return f"{self.number()} if {self.text()} else {self.text()}"
        if kind < 0.8:
            return self.pick([self.text, self.number, self.items])() + " " + self.test(0)
        return f"({self.pick([self.text, self.text, self.number, self.items])()})|{self.filter_with(0)}"

    def expression(self, depth):
        kind = self.random.random()
        if depth > 0 and self.chance(0.6):
            return self.easy(depth)
        if depth <= 0 or kind < 0.2:
            return self.atom(depth)
        if kind < 0.45:
            left, right = self.expression(depth - 1), self.expression(depth - 1)
            return f"{left} {self.pick(BINARY)} {right}"
        if kind < 0.7:
            return f"{self.atom(depth - 1)}|{self.filter(depth)}"
        if kind < 0.76:
            return f"{self.atom(depth - 1)} {self.test(depth)}"
        if kind < 0.8:
            return f"{self.pick(['not ', '-', '+', 'not not ', '- -'])}{self.atom(depth - 1)}"
        if kind < 0.86:
            otherwise = f" else {self.expression(depth - 1)}" if self.chance(0.7) else ""
            return f"{self.expression(depth - 1)} if {self.expression(depth - 1)}{otherwise}"
        if kind < 0.89:
            return f"{self.atom(0)} < {self.atom(0)} <= {self.atom(0)}"
        if kind < 0.92:
            return self.format(depth)
        if kind < 0.94:
            return f"{self.pick(['2', '3', '0.5', 'n', '10'])} ** {self.pick(['2', '3', '0', '-1', '0.5', 'n'])}"
        if kind < 0.96:
            return f"range({self.pick(['3', '1, 4', '5, 0, -2', '0', 'n'])})|list"
        return f"{self.expression(depth - 1)}|{self.filter(depth)}|{self.filter(depth)}"

    # ---- statements ----

    def data(self):
        return self.pick(["", " ", "\n", "text ", "  \n  ", "<p>", "a\n", "：", "\t-", "{ %", "#", "\r\n", "'\""])

    def open(self, mark):
        return mark + self.pick(["", "", "", "-", "+"]) + " "

    def close(self, mark):
        return " " + self.pick(["", "", "", "-", "+" if mark == "%}" else ""]) + mark

    def tag(self, text):
        return f"{self.open('{%')}{text}{self.close('%}')}"

    def print(self, depth):
        return f"{self.open('{{')}{self.expression(depth)}{self.close('}}')}"

    def condition(self, depth):
        text = self.tag(f"if {self.expression(depth)}") + self.body(depth - 1)
        if self.chance(0.3):
            text += self.tag(f"elif {self.expression(depth - 1)}") + self.body(depth - 1)
        if self.chance(0.5):
            text += self.tag("else") + self.body(depth - 1)
        return text + self.tag("endif")

    def loop_print(self):
        return self.print(0) if self.chance(0.5) else "{{ " + self.pick([
            "loop.index", "loop.index0", "loop.revindex", "loop.revindex0", "loop.first", "loop.last",
            "loop.length", "loop.depth", "loop.cycle('a', 'b')", "loop.previtem", "loop.nextitem|default('-')",
            "loop.changed(x)", "x", "y", "x.name", "x|upper"]) + " }}"

    def loop(self, depth):
        target, iterable = self.pick([
            ("x", "l"), ("x", "words"), ("x", "rows"), ("x", "name"), ("x", "range(4)"), ("x", "d"),
            ("x, y", "d.items()"), ("x, y", "labels|dictsort"), ("x, y", "labels.items()"), ("x", "nope"),
            ("x", "e"), ("(x, y)", "[(1, 2), (3, 4)]"), ("x", self.expression(depth - 1)),
            ("x, y", "rows|items"), ("x", "zh")])
        condition = f" if {self.expression(depth - 1)}" if self.chance(0.2) else ""
        text = self.tag(f"for {target} in {iterable}{condition}")
        for _ in range(self.random.randrange(1, 3)):
            text += self.loop_print() + self.data()
        text += self.body(depth - 1)
        if self.chance(0.25):
            text += self.tag("else") + self.body(depth - 1)
        return text + self.tag("endfor")

    def assignment(self, depth):
        kind = self.random.random()
        if kind < 0.5:
            return self.tag(f"set {self.pick('xy')} = {self.expression(depth)}")
        if kind < 0.65:
            return self.tag("set x, y = 1, " + self.expression(depth))
        if kind < 0.8:
            name = self.pick(["", "|upper", "|trim", "|length", "|replace('a', 'b')"])
            return self.tag(f"set x{name}") + self.body(depth - 1) + self.tag("endset")
        return ("{% set ns = namespace(a=1) %}{% for x in l %}{% set ns.a = x %}{% endfor %}{{ ns.a }}"
                "{{ ns.b is defined }}")

    def statement(self, depth):
        kind = self.random.random()
        if depth <= 0 or kind < 0.45:
            return self.print(max(depth, 1))
        if kind < 0.6:
            return self.condition(depth)
        if kind < 0.78:
            return self.loop(depth)
        if kind < 0.92:
            return self.assignment(depth)
        if kind < 0.96:
            return f"{self.open('{#')}note {{{{ x }}}}{self.pick([' ', '-'])}#}}"
        return f"{self.tag('raw')}{{{{ x }}}} {{% if %}}{self.tag('endraw')}"

    def body(self, depth):
        parts = []
        for _ in range(self.random.randrange(1, 3)):
            parts += [self.data(), self.statement(depth)]
        return "".join(parts) + self.data()

    def template(self):
        text = self.body(self.random.randrange(1, 4))
        if self.chance(0.02):  # what a slip of the hand leaves behind
            at = self.random.randrange(len(text) + 1)
            text = text[:at] + self.pick(["", "{{", "%}", "'", "(", "|", "}}", "{%", "."]) + text[at + 1:]
        return text
