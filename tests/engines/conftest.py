"""Engines that run for real; what is not installed is skipped, and said loudly."""

import os
import shutil
import sys

import pytest
from engines.needs import REASONS


def pytest_terminal_summary(terminalreporter):
    for reason in REASONS.values():
        terminalreporter.write_line(f"!!! ENGINE NOT TESTED: {reason}", red=True)


@pytest.fixture(scope="session")
def client():
    """A cluster of dask: two workers, which are processes of their own."""
    from dask.distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="session")
def spark():
    """A session of Spark with two cores, where Java is there to run it."""
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        REASONS["spark"] = "Spark needs Java 17, and there is no java on the PATH"
        pytest.skip(REASONS["spark"])
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.log.level", "ERROR")
        .getOrCreate()
    )
    yield session
    session.stop()
