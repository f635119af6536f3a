"""What people read of results: tables, and pages that need nothing else."""

from slant.report.audit import audit_rows, render_audit
from slant.report.tables import HEADLINE, not_beaten, score_rows, to_markdown

__all__ = ["HEADLINE", "audit_rows", "not_beaten", "render_audit", "score_rows", "to_markdown"]
