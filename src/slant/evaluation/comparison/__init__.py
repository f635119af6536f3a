"""Runs against one another, and what one run's table shows beyond its scores."""

from slant.evaluation.comparison.compare import compare, summarise_side
from slant.evaluation.comparison.reliability import abstention, calibration
from slant.evaluation.comparison.shape import Comparison, SideSummary
from slant.evaluation.comparison.sides import rows_fingerprint, seed_tables
from slant.evaluation.comparison.slices import slices

__all__ = ["Comparison", "SideSummary", "abstention", "calibration", "compare", "rows_fingerprint", "seed_tables", "slices", "summarise_side"]
