# SPDX-License-Identifier: Apache-2.0
"""Bar charts on a logarithmic scale, and line charts, as plain SVG text."""

import html
import math

BAR, GAP, LEFT, WIDTH, TOP = 18, 6, 250, 460, 40
COLOURS = {"ringbell": "#0b7285"}
OTHER = "#adb5bd"


def bars_of(rows):
    """[(metric, [(name, value), …]), …] of the CPU metrics, ours first."""
    groups = {}
    for row in rows:
        if row["unit"] != "CPU s/Mpkt" or row["peer"] is None:
            continue
        group = groups.setdefault(row["metric"], [("ringbell", row["ours"])])
        group.append((row["peer"], row["peer_value"]))
    return list(groups.items())


def scale(groups):
    values = [value for _, bars in groups for _, value in bars if value > 0]
    low = math.floor(math.log10(min(values)))
    high = math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def svg_text(x, y, text, more=""):
    return f'<text x="{x:.0f}" y="{y:.0f}" {more}>{html.escape(text)}</text>'


def draw(bench, rows, folder):
    """Writes performance-<bench>.svg; returns its name, or None if there is nothing to draw."""
    groups = bars_of(rows)
    if not groups:
        return None
    low, high = scale(groups)
    per_decade = WIDTH / (high - low)
    parts = []
    y = TOP
    for metric, bars in groups:
        parts.append(svg_text(10, y + 13, metric, 'font-weight="bold"'))
        y += BAR + GAP
        for name, value in bars:
            length = max(2, (math.log10(value) - low) * per_decade) if value > 0 else 2
            parts.append(svg_text(LEFT - 8, y + 13, name, 'text-anchor="end"'))
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" '
                         f'fill="{COLOURS.get(name, OTHER)}"/>')
            parts.append(svg_text(LEFT + length + 6, y + 13, f"{value:.3g}"))
            y += BAR + GAP
        y += GAP
    for decade in range(low, high + 1):
        x = LEFT + (decade - low) * per_decade
        parts.insert(0, f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{y}" '
                        'stroke="#dee2e6"/>')
        parts.append(svg_text(x, TOP - 12, f"1e{decade}", 'text-anchor="middle"'))
    parts.append(svg_text(10, TOP - 12, "CPU seconds per million packets (log scale)"))
    name = f"performance-{bench}.svg"
    with open(f"{folder}/{name}", "w") as out:
        out.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 70}" '
                  f'height="{y + 10}" font-family="sans-serif" font-size="12">\n'
                  '<rect width="100%" height="100%" fill="white"/>\n'
                  + "\n".join(parts) + "\n</svg>\n")
    return name


LINES = ("#0b7285", "#e8590c", "#fab005", "#862e9c", "#5c940d", "#495057", "#c2255c")
CHART_W, CHART_H, CHART_LEFT, CHART_TOP = 480, 240, 60, 40


def draw_lines(name, title, series, folder):
    """Writes performance-<name>.svg with one line per series; returns its name."""
    points = [point for line in series.values() for point in line]
    right = max(x for x, _ in points) * 1.05
    top = max(max(y for _, y in points) * 1.1, 0.01)
    parts = [svg_text(CHART_LEFT, 20, title, 'font-weight="bold"')]
    for step in range(5):
        y = CHART_TOP + CHART_H * (1 - step / 4)
        x = CHART_LEFT + CHART_W * step / 4
        parts.append(f'<line x1="{CHART_LEFT}" y1="{y:.0f}" x2="{CHART_LEFT + CHART_W}" y2="{y:.0f}" '
                     'stroke="#dee2e6"/>')
        parts.append(svg_text(CHART_LEFT - 6, y + 4, f"{top * step / 4:.3g}", 'text-anchor="end"'))
        parts.append(svg_text(x, CHART_TOP + CHART_H + 18, f"{right * step / 4:.0f}",
                              'text-anchor="middle"'))
    for i, (label, line) in enumerate(series.items()):
        colour = LINES[i % len(LINES)]
        places = [(CHART_LEFT + CHART_W * x / right, CHART_TOP + CHART_H * (1 - y / top))
                  for x, y in sorted(line)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        parts.append(svg_text(CHART_LEFT + CHART_W + 16, CHART_TOP + 12 + 18 * i, label,
                              f'fill="{colour}"'))
    with open(f"{folder}/performance-{name}.svg", "w") as out:
        out.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{CHART_LEFT + CHART_W + 180}" '
                  f'height="{CHART_TOP + CHART_H + 40}" font-family="sans-serif" font-size="12">\n'
                  '<rect width="100%" height="100%" fill="white"/>\n'
                  + "\n".join(parts) + "\n</svg>\n")
    return f"performance-{name}.svg"
