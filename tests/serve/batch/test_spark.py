"""The registered model as a Spark function: docs/score.md's own lines, on a real local Spark."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from slant.records import ScoreItem
from slant.serve import Annotator
from slant.serve.schema import sentence_to_json

ROWS = 300
DOCS = Path(__file__).parents[3] / "docs" / "score.md"


def _rows() -> list[dict[str, Any]]:
    """Sentences of many lengths: every third asks about a noun that it mentions, every third about one that it need not, every third about none."""
    from conftest import make_rows
    from fixtures_bundle import stance_rows

    loaded, stances = make_rows(), stance_rows(ROWS, seed=7)
    rows = []
    for number in range(ROWS):
        asked = stances[number]
        text = (asked["text"] if number % 3 == 0 else loaded[number % len(loaded)]["text"])[:-1] + " and the local budget" * (number % 7) + "."
        rows.append({"id": str(number), "text": text, "target": None if number % 3 == 2 else asked["target"]})
    return rows


@pytest.mark.slow
def test_the_registered_model_says_under_spark_what_the_annotator_says(tiny_bundle: Path, tiny_stance_bundle: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyspark", reason="pyspark is not installed")
    if shutil.which("java") is None:
        pytest.skip("there is no java")
    import pyarrow.parquet as pq

    from slant.publish import merge_bundles
    from slant.tracking import open_run, prepare_store
    from slant.tracking.registry import open_registry

    both = merge_bundles([tiny_bundle, tiny_stance_bundle], tmp_path / "both").folder
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    prepare_store(uri)
    with open_run(uri, "loaded", "trained", artifact_root=tmp_path / "artifacts") as run:
        pass
    with open_registry(uri, tmp_path / "lock") as registry:
        registry.register("news", "champion", both, run.run_id, tags={})
    rows = _rows()
    (tmp_path / "sentences.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "spark-defaults.conf").write_text("spark.master local[2]\nspark.ui.enabled false\nspark.driver.bindAddress 127.0.0.1\n")
    (shown,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    # Two partitions, as two executors would have.
    code = shown.replace('spark.read.json("sentences.jsonl")', 'spark.read.json("sentences.jsonl").repartition(2)')
    assert code != shown
    environment = os.environ | {"SPARK_CONF_DIR": str(conf), "SPARK_LOCAL_IP": "127.0.0.1", "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stderr[-3000:]

    told = {row["id"]: row for row in pq.read_table(tmp_path / "scored.parquet").to_pylist()}
    assert len(told) == ROWS and len(list((tmp_path / "scored.parquet").glob("part-*"))) == 2
    annotator = Annotator.open(both)
    expected = [sentence_to_json(one) for one in annotator.score(ScoreItem(row["text"], row["target"]) for row in rows)]
    stances = 0
    for row, one in zip(rows, expected, strict=True):
        found = told[row["id"]]
        assert _rounded(json.loads(found["answer"])) == _rounded(one)
        assert found["loaded"] == json.loads(found["answer"])["loaded"]["probability"]
        stances += len(one["stance"])
    assert stances >= ROWS // 3
    assert {one["loaded"]["label"] for one in expected} == {"loaded", "neutral"} and any(one["spans"] for one in expected)


def _rounded(value: Any) -> Any:
    """Spark's batches are not ours, and the last digits of a sum follow its batch."""
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return round(value, 4) if isinstance(value, float) else value
