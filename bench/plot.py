"""
Charts as SVG, written by hand. `bars`: a line for each peer, a bar for each figure, and a whisker from the least to the most. `curves`: a panel for each figure, over sizes.
"""
import statistics
from html import escape

COLOURS = ["#2f6f9f", "#d08a2e", "#5b8f4e"]
NAME_WIDTH, PLOT_WIDTH, VALUE_WIDTH, BAR, GAP, TOP = 150, 470, 110, 13, 9, 46


def nice_step(most):
    """A step of 1, 2 or 5 of a power of ten that divides an axis into four to ten."""
    power = 10.0 ** len(str(int(most)))
    while True:
        for step in (power / 2, power / 5, power / 10):
            if most / step >= 4:
                return step
        power /= 10


def number(value):
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def bars(title, peers, series, is_ratio):
    """
    The text of an SVG. `series` is a list of a name and its values by peer: a list of numbers for each.
    A ratio has a line at 1, which is direct TLS.
    """
    most = max(max(values) for _, by_peer in series for values in by_peer.values() if values) * 1.02
    # One peer that is far off would squeeze all others: its bar ends at the edge, its value is written there.
    middles = sorted(statistics.median(values) for _, by_peer in series for values in by_peer.values() if values)
    limit = max(1.1 if is_ratio else 0, min(most, 4 * middles[len(middles) // 2], 4 * middles[-1]))
    step, scale = nice_step(limit), PLOT_WIDTH / limit
    line_height = len(series) * BAR + GAP
    height = TOP + 18 + len(peers) * line_height + 26
    width = NAME_WIDTH + PLOT_WIDTH + VALUE_WIDTH
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">',
           f'<rect width="{width}" height="{height}" fill="#ffffff"/>', f'<text x="10" y="20" font-size="14" font-weight="bold" fill="#222222">{escape(title)}</text>']
    x = NAME_WIDTH
    for index, (name, _) in enumerate(series):
        out.append(f'<rect x="{x}" y="{TOP - 14}" width="10" height="10" fill="{COLOURS[index]}"/><text x="{x + 14}" y="{TOP - 5}" fill="#222222">{escape(name)}</text>')
        x += 30 + 7 * len(name)
    bottom = TOP + 8 + len(peers) * line_height
    for tick in range(int(limit / step) + 1):
        at = NAME_WIDTH + tick * step * scale
        is_direct = is_ratio and abs(tick * step - 1) < 1e-9
        out.append(f'<line x1="{at:.1f}" y1="{TOP + 4}" x2="{at:.1f}" y2="{bottom}" stroke="{"#444444" if is_direct else "#dddddd"}"/>')
        out.append(f'<text x="{at:.1f}" y="{bottom + 14}" text-anchor="middle" fill="#555555">{tick * step:g}</text>')
    for line, peer in enumerate(peers):
        top = TOP + 8 + line * line_height
        out.append(f'<text x="{NAME_WIDTH - 8}" y="{top + len(series) * BAR / 2 + 4:.1f}" text-anchor="end" fill="#222222">{escape(peer)}</text>')
        for index, (_, by_peer) in enumerate(series):
            if not (values := by_peer.get(peer)):
                continue
            middle, y = statistics.median(values), top + index * BAR
            end = NAME_WIDTH + min(middle, limit) * scale
            out.append(f'<rect x="{NAME_WIDTH}" y="{y}" width="{end - NAME_WIDTH:.1f}" height="{BAR - 2}" fill="{COLOURS[index]}"/>')
            if len(values) > 1 and middle <= limit:
                least, greatest = (NAME_WIDTH + min(value, limit) * scale for value in (min(values), max(values)))
                out.append(f'<line x1="{least:.1f}" y1="{y + BAR / 2 - 1}" x2="{greatest:.1f}" y2="{y + BAR / 2 - 1}" stroke="#222222"/>')
                end = max(end, greatest)
            out.append(f'<text x="{end + 5:.1f}" y="{y + BAR - 4}" font-size="10" fill="#222222">{number(middle)}{" →" if middle > limit else ""}</text>')
    return "\n".join([*out, "</svg>", ""])


PANEL_WIDTH, PANEL_HEIGHT, MARGIN = 150, 90, 36


def curves(title, unit, sizes, series):
    """
    The text of an SVG. `sizes` are the points on every horizontal axis, which begins at 0 and is in `unit`; `series` is a list of a name and its values, None where there is none.
    Vertical axes begin at 0.
    """
    width, height = MARGIN + len(series) * (PANEL_WIDTH + MARGIN), TOP + 24 + PANEL_HEIGHT + 40
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">',
           f'<rect width="{width}" height="{height}" fill="#ffffff"/>', f'<text x="10" y="20" font-size="14" font-weight="bold" fill="#222222">{escape(title)}</text>']
    top, bottom = TOP + 16, TOP + 16 + PANEL_HEIGHT
    for index, (name, values) in enumerate(series):
        left = MARGIN + index * (PANEL_WIDTH + MARGIN)
        known = [(size, value) for size, value in zip(sizes, values) if value is not None]
        most = max(value for _, value in known) * 1.25 or 1
        at = [(left + size / max(sizes) * PANEL_WIDTH, bottom - value / most * PANEL_HEIGHT) for size, value in known]
        out.append(f'<text x="{left}" y="{TOP + 6}" fill="#222222">{escape(name)}</text>')
        out.append(f'<path d="M{left} {top}V{bottom}H{left + PANEL_WIDTH}" fill="none" stroke="#888888"/>')
        out.append(f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in at)}" fill="none" stroke="{COLOURS[0]}" stroke-width="2"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{COLOURS[0]}"/>' for x, y in at]
        for (x, y), (_, value), anchor in ((at[0], known[0], "start"), (at[-1], known[-1], "end")):
            out.append(f'<text x="{x:.1f}" y="{y - 7:.1f}" text-anchor="{anchor}" font-size="10" fill="#222222">{number(value)}</text>')
        out.append(f'<text x="{left + PANEL_WIDTH}" y="{bottom + 14}" text-anchor="end" fill="#555555">{max(sizes):,} {escape(unit)}</text>')
    return "\n".join([*out, "</svg>", ""])
