"""papers.py [--check]: writes docs/<paper>.md and docs/statements.md from the texts in docs/papers/ and what was recorded
in profiling/results, and the line of each paper in README.md. With --check it writes nothing: status 1 where a page is not
what it would write.

In a text, {{...}} is replaced; FILE is below profiling/results:
  {{table FILE.md}}               a recorded table with its legend
  {{claims FILE.json [IDS]}}      a list of the paper's statements, or of these, with their verdicts (statements.json)
  {{findings FILE.json}}          a list of statements of our own (findings.json), each with its picture if that was recorded
  {{agree FILE.json [WORDS]}}     "26 of 32": cells of the paper's table that agree, of those whose name has these words
  {{distance FILE.json [WORDS]}}  mean distance of those cells from the paper's, in the table's unit
  {{percent FILE.json WORDS}}     "1.17 ± 0.11": the first of those cells, a fraction, in percent
  {{value FILE.json ID FIELD FORMAT}}   of a statement: mean, std, n, paper or verdict; FORMAT is Python's, such as .3f
  {{statements FOLDER ...}}       a table of all statements of these runs, side by side
A line that begins with "In one line: " is the paper's in README.md, behind <!-- result: PAPER -->."""
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "profiling" / "results"
HEAD = "<!-- Written by `make docs` from docs/papers/{name} and profiling/results; do not edit. -->\n"


def statements(file):
    return json.loads((RESULTS / file).read_text())


def is_cell(statement):
    return statement["id"].startswith("Table")


def cells(file, words):
    return [s for s in statements(file) if is_cell(s) and " ".join(words) in s["text"] and s["verdict"] != "NOT RUN"]


def number(value, form=".4g"):
    return "" if value is None else format(value, form)


def measured(statement):
    """ "paper 0.05, ours 0.058 ± 0.003 (n = 10)", or nothing."""
    m = statement["measured"]
    parts = ["paper " + number(m["paper"])] if m["paper"] is not None else []
    if m["n"]:
        spread = f" ± {number(m['std'], '.2g')}" if m["n"] > 1 else ""
        parts.append(f"ours {number(m['mean'])}{spread} (n = {m['n']})")
    return f"{m['quantity']}: {', '.join(parts)}. " if parts else ""


def table(file):
    return (RESULTS / file).read_text().rstrip()


def listed(entries):
    lines = [f"* **{s['id']} {s['verdict'].lower()}**: {s['text'].rstrip('.')}. {measured(s)}{s['reason']}" for s in entries]
    return "\n".join(line.replace("|", "\\|") for line in lines)


def claims(file, *ids):
    return listed([s for s in statements(file) if s["id"] in ids or (not ids and not is_cell(s))])


def findings(file):
    blocks = []
    for s in statements(file):
        block = listed([s])
        picture = (RESULTS / file).parent / s.get("picture", "")
        if s.get("picture") and picture.exists():
            block += f"\n\n  ![{s['measured']['quantity']}](../{picture.relative_to(ROOT)})"
        blocks.append(block)
    return "\n\n".join(blocks)


def agree(file, *words):
    of = cells(file, words)
    return f"{sum(s['verdict'] == 'HOLDS' for s in of)} of {len(of)}"


def distance(file, *words):
    apart = [abs(s["measured"]["mean"] - s["measured"]["paper"]) for s in cells(file, words)]
    return f"{sum(apart) / len(apart):.4f}"


def percent(file, *words):
    measured = cells(file, words)[0]["measured"]
    spread = f" ± {100 * measured['std']:.2f}" if measured["n"] > 1 else ""
    return f"{100 * measured['mean']:.2f}{spread}"


def value(file, name, field, form):
    found = next(s for s in statements(file) if s["id"] == name)
    return found["verdict"].lower() if field == "verdict" else number(found["measured"][field], form)


def all_statements(*folders):
    """Of each statement that is a sentence its verdict in each of these runs."""
    runs = [{(s["id"], s["text"]): s for s in statements(f + "/statements.json") if not is_cell(s)} for f in folders]
    rows = list(dict.fromkeys(key for run in runs for key in run))
    paper_of = {key: s["paper"] for run in reversed(runs) for key, s in run.items()}
    lines = ["| paper | statement | " + " | ".join(f"`{f}`" for f in folders) + " |", "| --- | --- |" + " --- |" * len(runs)]
    for key in rows:
        paper, name, text = (part.replace("|", "\\|") for part in (paper_of[key], *key))
        verdicts = [run[key]["verdict"].lower() if key in run else "" for run in runs]
        lines.append(f"| {paper} | {name}: {text} | " + " | ".join(verdicts) + " |")
    return "\n".join(lines)


DIRECTIVES = {"table": table, "claims": claims, "findings": findings, "agree": agree, "distance": distance, "percent": percent,
              "value": value, "statements": all_statements}


def filled(text):
    def replaced(match):
        name, *arguments = match[1].split()
        return DIRECTIVES[name](*arguments)

    return re.sub(r"\{\{(.+?)\}\}", replaced, text, flags=re.S)


def pages():
    """{path: text} of all pages, and README.md with its lines."""
    readme = (ROOT / "README.md").read_text()
    written = {}
    for source in sorted((ROOT / "docs" / "papers").glob("*.md")):
        text = filled(source.read_text())
        line = re.search(r"^In one line: (.*(?:\n.+)*)\n\n", text, re.M)
        if line:
            text = text.replace(line[0], "")
            mark = f"<!-- result: {source.stem} -->\n"
            readme = re.sub(re.escape(mark) + r"(?:.+\n)*", lambda _: mark + line[1] + "\n", readme)
        written[ROOT / "docs" / source.name] = HEAD.format(name=source.name) + text
    written[ROOT / "README.md"] = readme
    return written


def main():
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.relative_to(ROOT)}:1: not what the recorded results say (make docs)")
        return 1 if stale else 0
    for path, text in pages().items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
