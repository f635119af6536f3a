"""An audit as a table, and as one HTML page."""

from __future__ import annotations

from slant.data.audit import Audit, Finding
from slant.report.page import template

__all__ = ["audit_rows", "render_audit"]

#: Of one finding, so many items are on the page; the JSON has all.
SHOWN = 100

_ORDER = {"stop": 0, "warn": 1, "info": 2}


def audit_rows(audit: Audit) -> list[list[str]]:
    """A header row and a row a finding, the gravest first: severity, kind, count, of how many, what."""
    rows = [["", "finding", "count", "of", "what"]]
    for finding in ordered(audit.findings):
        total = "" if finding.total is None else f"{finding.total:,}"
        rows.append([finding.severity, finding.kind, f"{finding.count:,}", total, finding.what])
    return rows


def render_audit(audit: Audit) -> str:
    """The audit as a page that needs no script, no network and no second file. All that the corpus says is shown as text."""
    findings = ordered(audit.findings)
    clean = [kind for kind in audit.checked if kind not in {finding.kind for finding in findings}]
    shown = [(finding, finding.items[:SHOWN], len(finding.items) - SHOWN) for finding in findings]
    return template("audit.html.j2").render(audit=audit, findings=shown, clean=clean)


def ordered(findings: list[Finding]) -> list[Finding]:
    """The gravest first; of equals, the order of the checks."""
    return sorted(findings, key=lambda finding: _ORDER.get(finding.severity, 9))
