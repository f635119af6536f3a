"""What people read of results: tables now, pages to come."""

from slant.report.tables import HEADLINE, score_rows, to_markdown

__all__ = ["HEADLINE", "score_rows", "to_markdown"]
