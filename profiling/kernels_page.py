#!/usr/bin/env python3
"""bench_kernels' table as a page with a bar for each operation's share of its floor.

    bench_kernels | kernels_page.py > kernels.html
"""
import html
import sys

STYLE = """body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 60em; padding: 0 1em; color: #222 }
table { border-collapse: collapse; width: 100% } td, th { padding: .2em .6em; text-align: right; border-bottom: 1px solid #e4e4e4 }
td { white-space: nowrap } td:first-child, th:first-child { text-align: left } .bar { background: #eee; width: 16em; height: .9em; border-radius: 2px }
.bar div { background: #2a7; height: 100%; border-radius: 2px } .low div { background: #d83 } .note { color: #666 } .subject td { font-weight: 600; padding-top: 1em }"""


def bar(share):
    """The bar of a row, or nothing where a row has no share."""
    if not share:
        return ""
    number = float(share.rstrip(" %"))
    low = " low" if number < 50 else ""
    return f'<div class="bar{low}"><div style="width: {max(1, min(100, number)):.0f}%"></div></div>'


def main():
    head, rows, note = [], [], []
    for line in sys.stdin.read().splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split("|")]
        if not line.startswith("|"):
            note += [line] if line.strip() else []
        elif not head:
            head = cells
        elif not cells[0].startswith("---"):
            rows.append(cells + [""] * (len(head) - len(cells)))
    if not rows or "share" not in head:
        sys.exit("kernels_page.py: no table of bench_kernels on standard input")
    share = head.index("share")
    print(f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Operations and their floors</title><style>{STYLE}</style>')
    print(f"<h1>Operations and their floors</h1><p>{html.escape(' '.join(note))}</p>")
    print('<p class="note">The bar is the share of the floor over the time taken, for many models at once. The floor is the longer of two times: '
          "that of the bytes at the rate of the better copy, and that of the multiplications and additions at the rate of a large product; "
          "a column says which. Orange: below half.</p><table><tr>")
    print("".join(f"<th>{html.escape(cell)}</th>" for cell in head) + "<th></th></tr>")
    for cells in rows:
        subject = cells[0].startswith("**") and not any(cells[1:])  # a heading over the rows below it
        cells[0] = cells[0].strip("*")
        print(('<tr class="subject">' if subject else "<tr>") + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + f"<td>{bar(cells[share])}</td></tr>")
    print("</table></html>")


if __name__ == "__main__":
    main()
