"""launch_table.py: a table of launches in their order, microseconds each, from `ncu --csv --page raw --metrics
gpu__time_duration.sum` on standard input (ncu.sh --times). Ends with status 1 where there is no launch."""
import csv
import re
import sys

METRIC = "gpu__time_duration.sum"
MICROSECONDS = {"ns": 1e-3, "nsecond": 1e-3, "us": 1, "usecond": 1, "ms": 1e3, "msecond": 1e3}


def launches(lines):
    """(kernel, grid, block, microseconds) of each; other programs' lines do not begin with a quotation mark."""
    unit = None
    for row in csv.DictReader(line for line in lines if line.startswith('"')):
        if row[METRIC] in MICROSECONDS:  # the first row has the units
            unit = MICROSECONDS[row[METRIC]]
            continue
        name = re.sub(r"^void |warpvae::|<unnamed>::|\(anonymous namespace\)::|\((?!anonymous).*", "", row["Kernel Name"])
        yield name, row["Grid Size"], row["Block Size"], unit * float(row[METRIC].replace(",", ""))


def main():
    rows = list(launches(sys.stdin))
    if not rows:
        sys.exit("launch_table.py: no launch in what ncu wrote")
    print("| launch | grid | block | us |\n| --- | ---: | ---: | ---: |")
    for name, grid, block, time in rows:
        print(f"| `{name}` | {grid} | {block} | {time:.1f} |")
    print(f"\n{len(rows)} launches, {sum(row[3] for row in rows):.0f} us in all, one by one.")


if __name__ == "__main__":
    main()
