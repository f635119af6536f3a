"""Tables of sentences in, tables of answers out: in constant memory, over processes or a Dask cluster, resumable."""

from __future__ import annotations

from slant.serve.batch.columns import Columns
from slant.serve.batch.job import ENGINES, Job, Report, score_table

__all__ = ["ENGINES", "Columns", "Job", "Report", "score_table"]
