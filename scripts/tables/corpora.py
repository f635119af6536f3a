"""Tables of the corpora: agreement, transfer, and what the audit finds."""

from __future__ import annotations

import json

from slant.report import to_markdown
from tables.results import ROOT, SHOWN, cell, results


def newsroom_agreement() -> str:
    found = json.loads((ROOT / "experiments/03-newsroom/agreement.json").read_text(encoding="utf-8"))
    rows = [["judgement", "units", "equal", "Krippendorff's alpha", "95 % interval"]]
    for name in ("label", "voice", "stance"):
        row = found[name]
        rows.append([name, f"{row['units']:,}", f"{row['agreement']:.3f}", f"{row['alpha']:.3f}", f"{row['lo']:.3f}–{row['hi']:.3f}"])
    return to_markdown(rows)


def newsroom_spans() -> str:
    row = json.loads((ROOT / "experiments/03-newsroom/agreement.json").read_text(encoding="utf-8"))["spans"]
    head = ["spans, first pass", "spans, second pass", "F1, exact", "F1, partial match", "F1, words"]
    return to_markdown([head, [str(row["first"]), str(row["second"]), *(f"{row[f'{k}_f1']:.3f}" for k in ("exact", "partial_match", "word"))]])


def newsroom_transfer() -> str:
    runs = results("03-newsroom")["runs"]
    rows = [["run", "rows", *SHOWN]]
    rows.append(["floor majority", "", *(f"{v:.3f}" if (v := runs["heads-seed1"]["floors"]["majority"].get(m)) is not None else "–" for m in SHOWN)])
    rows += [[name, f"{run['rows']:,}", *(cell(run, metric) for metric in SHOWN)] for name, run in runs.items()]
    return to_markdown(rows)


def audit_known() -> str:
    rows = [["corpus", "fault", "known", "found", "by the finding"]]
    for row in results("04-audit")["known"]:
        cells = ["–" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.3f}" for value in (row["known"], row["found"])]
        rows.append([row["corpus"], row["fault"], *cells, row["by"]])
    return to_markdown(rows)


def audit_counts() -> str:
    found = results("04-audit")["audits"]
    kinds = sorted({kind for audit in found.values() for kind in audit["counts"]})
    rows = [["finding", *found]]
    rows += [[kind, *(f"{audit['counts'][kind]:,}" if kind in audit["counts"] else "" for audit in found.values())] for kind in kinds]
    rows.append(["rows", *(f"{audit['rows']:,}" for audit in found.values())])
    rows.append(["seconds", *(f"{audit['seconds']:.0f}" for audit in found.values())])
    return to_markdown(rows)


def audit_scale() -> str:
    row = results("04-audit")["duplicates_at_scale"]
    head = ["sentences", "exact", "near", "seconds", "peak MB"]
    return to_markdown([head, [f"{row[k]:,}" for k in ("sentences", "exact", "near", "seconds", "peak_memory_mb")]])
