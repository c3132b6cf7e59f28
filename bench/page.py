"""docs/performance.md: the parts between two markers each, and a plot for each group of rows, from a file of bench/results."""
import json
import os
import sys

from plot import bars, curves
from processes import REPOSITORY, write
from report import TABLES, Results, markdown

PAGE = os.path.join(REPOSITORY, "docs", "performance.md")
PLOTS = os.path.join(REPOSITORY, "docs", "performance")
# Cores. With more, the figures are a floor: they are of the machine's other work as well.
MOST_OTHERS = 0.15
KINDS = {"D": "direct", "T": "tunnel only: nobody looks inside", "M": "interception only, without a tunnel", "C": "the whole path: tunnel and interception"}


def write_from(path):
    """Returns the exit code: 1 when the machine was too busy for figures that others read."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        if "tables" in found:
            return write_part("growth", grown(found))
        results = Results(found)
    except (OSError, ValueError, KeyError) as problem:
        print(f"bench: {path}: expected a file of bench/results that ./dev bench wrote: {type(problem).__name__}: {problem}", file=sys.stderr)
        return 1
    others = results.others()
    if others is None or others[0] > MOST_OTHERS:
        why = f"other programs used {others[0]:.2f} cores (at most {MOST_OTHERS})" if others else "nothing says whether the machine was quiet"
        print(f"bench: docs/performance.md stays as it is: {why}; run it again on a quiet machine", file=sys.stderr)
        return 1
    return write_part("figures", figures(results))


def write_part(name, text):
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    with open(PAGE, encoding="utf-8") as file:
        before, _, rest = file.read().partition(begin)
        after = rest.partition(end)[2]
    write(PAGE, f"{before}{begin}\n{text}\n{end}{after}")
    print("wrote docs/performance.md and docs/performance/*.svg")
    return 0


def grown(found):
    """The tables of --growth, each with its curves: what is flat does not grow with the size."""
    about = found["machine"]
    parts = [f"{found['when'][:10]}, {about['cores']} cores ({about['cpu']}), Linux {about['kernel']}, .NET {about['dotnet']}, commit {about['commit'][:10]}"
             f"{' with changes' if about['is_changed'] else ''}. Load at the start {about['load']:.2f}."]
    os.makedirs(PLOTS, exist_ok=True)
    for row, table in found["tables"].items():
        title, (head, *lines) = found["titles"][row], table
        series = [(name, [value_of(line[column]) for line in lines]) for column, name in enumerate(head) if column > 0]
        series = [(name, values) for name, values in series if sum(value is not None for value in values) > 1]
        write(os.path.join(PLOTS, f"growth-{row}.svg"), curves(title, head[0], [int(line[0]) for line in lines], series))
        parts += [f"### {title}", f"![{title}](performance/growth-{row}.svg)", markdown(table)]
    return "\n\n".join([*parts, *(["\n".join(f"- {note}" for note in found["notes"])] if found["notes"] else [])])


def value_of(cell):
    try:
        return float(cell)
    except ValueError:
        return None


def figures(results):
    parts = [".\n".join(f"{line[0].upper()}{line[1:]}" for line in results.about()) + "."]
    for group, (title, _) in TABLES.items():
        if lines := results.table(group):
            parts.append(f"### {title}")
            if name := draw(results, group, title):
                parts.append(f"![{title}](performance/{name})")
            parts.append(markdown(lines))
    parts.append("### Who was measured")
    parts.append(markdown([["peer", "", "what", "versions"], *(described(name, results.settings["peers"][name]) for name in results.peers)]))
    parts.append("; ".join(f"{kind}: {what}" for kind, what in KINDS.items()) + ".")
    if results.notes:
        parts.append("\n".join(f"- {note}" for note in results.notes))
    return "\n\n".join(parts)


def described(name, peer):
    return [name, peer["group"], peer["what"], ", ".join(f"{package} {version}" for package, version in peer["versions"].items())]


def draw(results, group, title):
    """Writes the group's plot and returns its file name; None when nothing of it was measured."""
    columns = [column for column in TABLES[group][1] if column.plot and any(figures["row"] == column.row for figures in results.measured)]
    peers = [peer for peer in results.peers if peer != "direct"]
    if not columns or not peers:
        return None
    is_ratio = columns[0].has_ratio

    def shown(column, peer):
        if not is_ratio:
            return results.values(column, peer)
        return [1 / ratio if column.is_time else ratio for ratio in results.ratios(column, peer)]

    series = [(column.plot, {peer: shown(column, peer) for peer in peers}) for column in columns]
    if not any(values for _, by_peer in series for values in by_peer.values()):
        return None
    os.makedirs(PLOTS, exist_ok=True)
    write(os.path.join(PLOTS, f"{group}.svg"), bars(f"{title} ({'ratio to direct TLS, more is better' if is_ratio else 'less is better'})", peers, series, is_ratio))
    return f"{group}.svg"
