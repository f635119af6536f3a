"""An audit as a table, and as one HTML page."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from slant.data.audit import Audit, Finding
from slant.data.audit.findings import EXCERPT

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
    return _template().render(audit=audit, findings=shown, clean=clean, plain=_plain, excerpt=EXCERPT)


def ordered(findings: list[Finding]) -> list[Finding]:
    """The gravest first; of equals, the order of the checks."""
    return sorted(findings, key=lambda finding: _ORDER.get(finding.severity, 9))


def _plain(value: Any) -> str:
    """A detail in words: lists with commas, mappings as `name number`."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(item) for item in value)
    return "none" if value is None else f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


@cache
def _template() -> Template:
    folder = Path(__file__).parent / "templates"
    return Environment(
        loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).get_template("audit.html.j2")
