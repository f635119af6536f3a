"""The registered model as a Spark function, as docs/score.md shows it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from slant.serve import Annotator
from slant.serve.schema import sentence_to_json


@pytest.mark.slow
def test_spark_udf_says_what_the_annotator_says(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyspark", reason="pyspark is not installed")
    if shutil.which("java") is None:
        pytest.skip("there is no java")
    import mlflow.pyfunc
    from pyspark.sql import SparkSession
    from pyspark.sql.functions import struct

    from slant.tracking.registered_model import write_model

    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    write_model(tiny_bundle, tmp_path / "model")
    texts = ["The vile mayor delayed the vote on Friday.", "The council approved the annual budget."] * 3
    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").config("spark.driver.bindAddress", "127.0.0.1").getOrCreate()
    try:
        score = mlflow.pyfunc.spark_udf(
            spark, str(tmp_path / "model"), result_type="string", env_manager="local", params={"mode": "score", "output": "json"}
        )
        scored = spark.createDataFrame([(text,) for text in texts], ["text"]).withColumn("answer", score(struct("text"))).collect()
    finally:
        spark.stop()
    expected = {text: sentence_to_json(Annotator.open(tiny_bundle).score([text])[0]) for text in texts}
    for row in scored:
        told = json.loads(row["answer"])
        assert told["spans"] == expected[row["text"]]["spans"] and told["loaded"]["label"] == expected[row["text"]]["loaded"]["label"]
    assert len(scored) == len(texts)
