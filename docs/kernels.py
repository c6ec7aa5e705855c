"""kernels.py [--check]: writes docs/kernels.md from the comments atop cuda/*.cuh, the declarations in cuda/ops/*.h and the
measurements in profiling/results/shares.csv. With --check it writes nothing: status 1 where the page is not what it would
write. Either way status 1 where an operation's header does not say its block, its determinism and its bytes, or where a
launcher has no row in profiling/bench_kernels/."""
import csv
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "kernels.md"
HEAD = """# The operations of the kernel library

Written by `make docs` from the headers; do not edit. Each operation is a header, `cuda/<operation>.cuh`, with device functions and
kernels, which compiles alone as C++17, by nvcc and by a C++ compiler, and launchers in `cuda/<operation>.cu`. Letters (R replicas, N rows, Z
latents, P parameters) and what all launchers have in common: [`cuda/ops.h`](../cuda/ops.h).

* Every launcher takes a stream of CUDA's and returns a `Status`, 0 or CUDA's error code. It runs later, in the stream.
* Every result is deterministic. Where a contract names no dynamic shared memory, a kernel asks for none.
* "block any": 1 thread, or a multiple of 32; "block fixed": the launcher knows.
* Share of the floor: the time that the bytes or multiplications take at the card's rate, over the time measured, on the commit and in the
  way that the source says. A share is no newer than its source.
"""
# What a header has to say, and in which words.
CONTRACT = {
    "its block": r"\bblock",
    "whether it is deterministic": r"determinis",
    "its bytes": r"\b(bytes?|reads?|writes?)\b",
}


def header_comment(path):
    """The comment atop a header, without its slashes."""
    lines = []
    for line in path.read_text().splitlines():
        if not line.startswith("//"):
            break
        lines.append(re.sub(r"^// ?", "", line))
    return lines


def first_sentence(lines):
    text = " ".join(lines[: lines.index("")] if "" in lines else lines)
    # A point ends a sentence where a capital follows; "et al. 2015" and "eq. 9" do not.
    return re.split(r"(?<!al)(?<!eq)\. (?=[A-Z(])", text, maxsplit=1)[0].rstrip(".:,").replace("|", "\\|") + "."


def declarations(path):
    """(name, doc comment and declaration) of every launcher in a group's header, one after the other."""
    text = path.read_text()
    # Of braces only those of a default argument: a function with a body is no launcher.
    pattern = re.compile(r"((?:^///.*\n)*)((?:^template <[^\n]*>\n)?^Status (\w+)\((?:[^;{]|= \{\})*\);)", re.M)
    for match in pattern.finditer(text):
        yield match[3], match[1] + match[2]


def launchers():
    """{operation: [(group, declaration)]}: who defines what cuda/ops/*.h declares; of libraries' doors, "matmul" and so on."""
    defined = {}
    for source in sorted((ROOT / "cuda").glob("*.cu")) + sorted((ROOT / "cuda").glob("*.cpp")):
        for name in re.findall(r"^Status (\w+)\(", source.read_text(), re.M):
            defined.setdefault(name, re.sub(r"_(cpu|cuda|absent)$", "", source.stem))
    found, lost = {}, []
    for group in sorted((ROOT / "cuda" / "ops").glob("*.h")):
        for name, text in declarations(group):
            if name in defined:
                found.setdefault(defined[name], []).append((group.name, name, text))
            else:
                lost.append(f"{group.name}: {name} is defined nowhere")
    return found, lost


def rows(folder):
    """{the first word of a row's name: its file} of bench_kernels, and which of them call nothing of that name."""
    found, wrong = {}, []
    for path in sorted(folder.glob("*.cpp")):
        text = re.sub(r"//.*", "", path.read_text())
        code = re.sub(r'"[^"\n]*"', "", text)
        for name in re.findall(r'\{\s*"(\w+)', text):
            called = r"DenseChain<\w+> \w+" if name == "dense_chain" else rf"{name}(<\w+>)?"
            if not re.search(rf"\b{called}\(", code):
                wrong.append(f"profiling/bench_kernels/{path.name}: the row of {name} does not call it")
            found[name] = path
    return found, wrong


def without_rows():
    """What cuda/ops/*.h declares and bench_kernels does not time, and the other way round."""
    folder = ROOT / "profiling" / "bench_kernels"
    if not folder.exists():
        return []
    timed, wrong = rows(folder)
    declared = {"dense_chain"}  # a class, whose launch() is no function of a header
    for group in sorted((ROOT / "cuda" / "ops").glob("*.h")):
        for name in re.findall(r"^Status (\w+)\(", group.read_text(), re.M):
            declared.add(name)
            if name not in timed:
                wrong.append(f"{group.name}: {name} has no row in profiling/bench_kernels/")
    wrong += [f"profiling/bench_kernels/{timed[name].name}: {name} is no launcher of cuda/ops/" for name in timed if name not in declared]
    return wrong


def shares():
    """{operation: [row of shares.csv]}."""
    rows = {}
    with open(ROOT / "profiling" / "results" / "shares.csv", newline="") as table:
        for row in csv.DictReader(table):
            rows.setdefault(row["header"], []).append(row)
    return rows


def asks_for_shared_memory(name):
    """Whether a launch of cuda/<name>.cu passes a number of bytes: the last of its configuration's four."""
    source = (ROOT / "cuda" / f"{name}.cu").read_text()
    return re.search(r"for_blocks\((?:[^;]*?)\b(?:\w*bytes\w*)\b[^;]*?\)\s*[,;]", source) is not None


def names(text):
    """The operations' names, as code in a table's cell."""
    return ", ".join(f"`{name}`" for name in dict.fromkeys(text))


def page():
    """The page's text, and what is wrong with the headers."""
    headers = {path.stem: header_comment(path) for path in sorted((ROOT / "cuda").glob("*.cuh"))}
    found, wrong = launchers()
    wrong += without_rows()
    measured = shares()
    operations = [name for name in headers if name in found]
    wrong += [f"profiling/results/shares.csv: cuda/{name}.cuh has no launcher, so nobody would see its share"
              for name in measured if name not in operations]
    wrong += [f"cuda/{name}.cuh: no comment at its head" for name, lines in headers.items() if not lines]
    for name in operations:
        text = " ".join(headers[name])
        wrong += [f"cuda/{name}.cuh does not say {what}" for what, words in CONTRACT.items() if not re.search(words, text, re.I)]
        if asks_for_shared_memory(name) and "shared memory" not in text:
            wrong.append(f"cuda/{name}.cuh does not say what shared memory its launches ask for")
        if not re.search(r"\[\w", text + "".join(declaration for _, _, declaration in found[name])):
            wrong.append(f"cuda/{name}.cuh and its launchers name no array's shape")

    out = [HEAD, "| operation | what | launchers | share of the floor |", "| --- | --- | --- | --- |"]
    for name in operations:
        share = ", ".join(row["share"] for row in measured.get(name, [])) or "not measured"
        out.append(f"| [{name}](#{name}) | {first_sentence(headers[name])} | {names(n for _, n, _ in found[name])} | {share} |")
    out += ["", "Behind a library's door are " + "; ".join(
        f"{names(n for _, n, _ in calls)} (`{name}_*.cpp`, declared in {names(g for g, _, _ in calls)})"
        for name, calls in sorted(found.items()) if name not in headers) + ".", ""]
    out += ["Device functions and parts that several operations share:", "", "| header | what |", "| --- | --- |"]
    for name in headers:
        if name not in found:
            out.append(f"| [`{name}.cuh`](../cuda/{name}.cuh) | {first_sentence(headers[name])} |")
    for name in operations:
        groups = ", ".join(f"[`ops/{g}`](../cuda/ops/{g})" for g in dict.fromkeys(g for g, _, _ in found[name]))
        source = (ROOT / "cuda" / f"{name}.cu").read_text()
        others = [f"[`{o}.cuh`](../cuda/{o}.cuh)" for o in re.findall(r'#include "cuda/(\w+)\.cuh"', source) if o != name]
        beside = f" Its launchers use {', '.join(others)} too." if others else ""
        out += ["", f"## {name}", ""]
        out += [f"[`{name}.cuh`](../cuda/{name}.cuh), [`{name}.cu`](../cuda/{name}.cu), declared in {groups}.{beside}", ""]
        out += ["```text", *headers[name], "```", "", "```cpp", *(text for _, _, text in found[name]), "```", ""]
        if name not in measured:
            out.append("Share of the floor: not measured.")
            continue
        out += ["| case | share of the floor | floor | measured |", "| --- | ---: | --- | --- |"]
        for row in measured[name]:
            source = f"[{row['device']}, {row['source'].split('-', 1)[1]}](../profiling/results/{row['source']}/README.md)"
            if not (ROOT / "profiling" / "results" / row["source"] / "README.md").exists():
                wrong.append(f"profiling/results/shares.csv: there is no profiling/results/{row['source']}/README.md")
            out.append(f"| {row['case']} | {row['share']} | {row['floor']} | {source} |")
    return "\n".join(out) + "\n", wrong


def main():
    text, wrong = page()
    if sys.argv[1:] == ["--check"]:
        if not PAGE.exists() or PAGE.read_text() != text:
            wrong.append("docs/kernels.md is not what the headers say: make docs")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        PAGE.write_text(text)
    for line in wrong:
        print(line)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
