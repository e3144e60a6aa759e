# SPDX-License-Identifier: Apache-2.0
"""gpu.json and gpu.md of a benchmark on a CUDA device."""

import json

LIMIT_OF = {"fwd": ("read",), "fused": ("change", "copy"), "in-place": ("change",)}
# A limit's bytes: a pass over the matrix, read, or read and written.
MATRICES = {"read": 1, "change": 2, "copy": 2, "launch": 0}


def kind(name):
    return name.split("/")[0]


def rate(row):
    """Bytes a second: least bytes of a kernel, all bytes of a limit."""
    return row["bytes"] / row["seconds"]["median"]


def fastest(rows, wanted):
    """The best row of the limits of these kinds, or None."""
    some = [r for r in rows if r["limit"] and kind(r["name"]) in wanted]
    return min(some, key=lambda r: r["seconds"]["median"], default=None)


def groups(rows):
    """Rows by shape, type and mode, in their order."""
    all_of = {}
    for r in rows:
        all_of.setdefault((r["shape"], r["dtype"], r["mode"]), []).append(r)
    return all_of


def share(row, limit):
    return "" if limit is None else f"{limit['seconds']['median'] / row['seconds']['median']:.1%}"


def line(r, limit):
    s = r["seconds"]
    spread = f"{s['p10'] * 1e6:.1f} to {s['p90'] * 1e6:.1f}"
    verdict = "limit" if r["limit"] else r["verdict"]
    rated = "" if kind(r["name"]) == "launch" else f"{rate(r) * 1e-9:.0f}"
    return (f"| {r['name']} | {verdict} | {s['median'] * 1e6:.1f} | {spread} | {rated} | "
            f"{'' if r['limit'] else share(r, limit)} |")


def section(key, rows):
    limit = fastest(rows, LIMIT_OF[key[2]])
    yield f"## {key[0]} {key[1]} {key[2]}"
    yield ""
    yield "| | verdict | us | p10 to p90 | GB/s | of the limit |"
    yield "|---|---|---|---|---|---|"
    for r in sorted(rows, key=lambda r: r["seconds"]["median"]):
        yield line(r, limit)
    yield ""


def text(result):
    m = result["machine"]
    lines = [f"# Cross-entropy on {m['gpu']}", ""]
    lines.append(f"Driver {m['driver']}, capability {m['capability']}, {m['multiprocessors']} "
                 f"multiprocessors, {m['l2_bytes'] >> 20} MiB of second-level cache, "
                 f"{m['peak_bytes_per_second'] * 1e-9:.0f} GB/s by its own figures; before: "
                 f"{m['clocks_before']}; after: {m['clocks_after']}.")
    lines += ["", "Times are medians of graphs of calls on rotated tensors, between events, in one "
              "interleaved run a shape. GB/s: least bytes over the median. The limit is the "
              "fastest pass over the same memory: read for fwd, read and write for fused, the same "
              "in place for in-place.", ""]
    for key, rows in groups(result["rows"]).items():
        lines += section(key, rows)
    if result["notes"]:
        lines += ["## Left out", ""] + [f"- {note}" for note in result["notes"]]
    return "\n".join(lines).rstrip() + "\n"


def write(folder, result):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gpu.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (folder / "gpu.md").write_text(text(result), encoding="utf-8")
    print(f"wrote {folder / 'gpu.md'} and {folder / 'gpu.json'}")
