"""What people read of results: tables, and pages that need nothing else."""

from slant.report.audit import audit_rows, render_audit
from slant.report.comparison import render_comparison
from slant.report.run import AuditSummary, RunReport, RunSummary, render_run
from slant.report.tables import HEADLINE, not_beaten, score_rows, to_markdown

__all__ = [
    "HEADLINE",
    "AuditSummary",
    "RunReport",
    "RunSummary",
    "audit_rows",
    "not_beaten",
    "render_audit",
    "render_comparison",
    "render_run",
    "score_rows",
    "to_markdown",
]
