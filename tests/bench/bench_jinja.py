# SPDX-License-Identifier: Apache-2.0
"""Templates rendered per second of processor time, beside Jinja2 itself: the same template, the same values,
the same text."""

import json
import subprocess
import time

import jinja2

SECONDS = 2  # Jinja2's share of each measurement
GOAL = 20    # times as many

MAIL = """<h2>{{ level_text|upper }}: {{ policy_name }}</h2>
<table>
{% for name, value in [("Object", object), ("Metric", metric_name ~ " = " ~ metric_value), ("Since", start_time),
                       ("Summary", summary), ("Description", description)] %}{% if value %}
<tr><th>{{ name }}</th><td>{{ value|truncate(200) }}</td></tr>
{%- endif %}{% endfor %}
</table>
<ul>
{% for key, value in labels|dictsort %}<li class="{{ loop.cycle('odd', 'even') }}">{{ key }}: {{ value }}</li>
{% endfor %}</ul>
{% for c in captures if c.state == "running" %}<a href="{{ c.url }}">{{ c.policy|title }}</a> {{ c.coverage }}
{% else %}no capture{% endfor %}
"""
LINE = "{{ level }} {{ policy_name }} {{ object }}: {{ summary|default('-', true) }} since {{ start_time }}"
BODY = """{"text": {{ summary|tojson }}, "level": {{ event_level }}, "labels": {{ labels|tojson }},
"rows": [{% for r in rows %}{"n": {{ loop.index }}, "v": {{ (r.v * 100)|round(2) }}}{% if not loop.last %},{% endif %}{% endfor %}]}"""

VARIABLES = {
    "level": "critical", "level_text": "critical", "event_level": 1, "policy_name": "packet loss",
    "object": "core switch \"A\" eth0", "metric_name": "loss", "metric_value": 4.2,
    "start_time": "2026-01-31T12:00:00Z", "summary": "4.2% of packets are lost",
    "description": "first line\nsecond line <b>& " + "and so on " * 30,
    "labels": {f"label_{i}": f"value <{i}>" for i in range(12)},
    "rows": [{"v": i / 7} for i in range(20)],
    "captures": [{"policy": "core links", "state": "running", "url": "https://ringbell.example/c/1",
                  "coverage": "requested from 2026-01-31T11:59:30Z until the alert is over"}],
}
TEMPLATES = {"mail of 1.7 KB": (MAIL, True), "one line": (LINE, False), "JSON with a loop": (BODY, False)}


def theirs(source, html):
    """Renders per second, and the text."""
    template = jinja2.Environment(autoescape=html).from_string(source)
    count, began = 0, time.process_time()
    while time.process_time() - began < SECONDS:
        text = template.render(VARIABLES)
        count += 1
    return count / (time.process_time() - began), text


def ours(program, source, html, repeat):
    question = json.dumps({"template": source, "variables": VARIABLES, "html": html, "repeat": repeat})
    done = subprocess.run([program], input=question + "\n", stdout=subprocess.PIPE, text=True, check=True)
    answer = json.loads(done.stdout)
    return repeat / (answer["ns"] / 1e9), answer["text"]


def bench(context):
    program = context.tools.jinja_lines
    for name, (source, html) in TEMPLATES.items():
        context.settle()
        there, expected = theirs(source, html)
        here, text = ours(program, source, html, int(there * SECONDS * GOAL))
        if text != expected:
            raise RuntimeError(f"{name}: not the text Jinja2 makes")
        context.note(f"  {name}: {here:,.0f}/s, Jinja2 {there:,.0f}/s, {here / there:.1f} times")
        context.add("jinja", f"µs per render, {name}", 1e6 / here, "Jinja2 3.1", 1e6 / there, "µs", 1 / GOAL)
