"""A batch job from end to end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import asdict, dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

from slant import __version__
from slant.errors import ConfigError, DataError
from slant.labels import STANCE
from slant.progress import track
from slant.serve.annotator import Annotator
from slant.serve.batch.columns import Columns
from slant.serve.batch.engines import in_process, on_dask, over_processes
from slant.serve.batch.formats import STANDARD, Format, format_of
from slant.serve.batch.outputs import FileOutput, StreamOutput, check_output
from slant.serve.batch.read import open_table
from slant.serve.batch.render import header
from slant.serve.batch.rows import Chunk, cut_chunks
from slant.serve.batch.worker import Part, Recipe
from slant.serve.schema import SCHEMA_VERSION

__all__ = ["ENGINES", "Job", "Report", "score_table"]

ENGINES = ("local", "dask")


@dataclass(frozen=True)
class Job:
    """A table to be scored.

    Attributes:
        source, output: files whose names tell their formats, or `-` for JSONL on standard input and output.
        bundles: what answers, a head of the task loaded among them.
        columns: what the input calls its columns.
        workers: processes, each with a session of its own; 1 scores in this process.
        chunk: rows that a worker takes at a time.
        precision, threads: as `Annotator.open` takes them.
        resume: go on with a job that was broken, if one was; else start.
        overwrite: start anew, whatever stands there.
        engine: "local", or "dask" with the cluster at `scheduler`, or else one made on this machine.
        key: a file with an Ed25519 public key that must have signed each bundle; workers elsewhere find it at the same path.

    Raises ConfigError for what cannot be.
    """

    source: str
    output: str
    bundles: tuple[str, ...]
    columns: Columns = field(default_factory=Columns)
    workers: int = 1
    chunk: int = 512
    precision: str | None = None
    threads: int = 1
    resume: bool = False
    overwrite: bool = False
    engine: str = "local"
    scheduler: str | None = None
    key: str | None = None

    def __post_init__(self) -> None:
        for name, most in (("workers", 1_024), ("chunk", 100_000), ("threads", 1_024)):
            if not 1 <= getattr(self, name) <= most:
                raise ConfigError(f"--{name} is {getattr(self, name)}", remedy=f"Give 1 to {most:,}")
        if self.engine not in ENGINES:
            raise ConfigError(f"--engine is {self.engine!r}", remedy=f"Give {' or '.join(ENGINES)}")
        if self.scheduler is not None and self.engine != "dask":
            raise ConfigError("--scheduler is Dask's", remedy="Add --engine dask, or leave it out")
        if self.resume and self.overwrite:
            raise ConfigError("--resume and --overwrite exclude each other", remedy="Give one of them")
        if self.output == STANDARD and self.resume:
            raise ConfigError("standard output cannot be resumed", remedy="Name a file with --output")


@dataclass(frozen=True)
class Report:
    """How many rows of the input were scored and rejected, and how many of either a broken job had written before this one."""

    rows: int
    rejected: int
    resumed: int


def score_table(job: Job) -> Report:
    """Score a table: whole, in the order of its rows, in memory that does not grow with it.

    The output is the same bytes however many workers and engines there were and however often it was broken and resumed.
    Called in a script with `workers` above 1, the script needs `if __name__ == "__main__":`, as with all spawned processes.

    Raises DataError for an input that cannot be read, ConfigError for settings that do not fit it, BundleError as `Annotator.open`,
    StorageError for a disk that does not take the output, SlantError for a worker that died.
    """
    source, output = format_of(job.source), format_of(job.output)
    if job.output != STANDARD:
        check_output(job.source, job.output, resume=job.resume, overwrite=job.overwrite)
    with ExitStack() as stack:
        # What is wrong with the input is told before a second is spent on the bundles; only their heads tell whether targets are asked about.
        named = _named_targets(job.columns)
        with nullcontext() if job.source == STANDARD else open_table(job.source, source, job.columns, targets=bool(named)):
            pass
        annotator = Annotator.open(*job.bundles, precision=job.precision, threads=job.threads, key=job.key)
        targets = STANCE.name in annotator.heads
        if named and not targets:
            remedy = "Name one with --bundle, or leave the option out"
            raise ConfigError("no bundle here tells stances", where=f"--{named[0].replace('_', '-')}-column", remedy=remedy)
        found, total, rows = stack.enter_context(open_table(job.source, source, job.columns, targets=targets))
        recipe = _recipe(job, annotator, output, stance=found["target"] is not None)
        meta = _meta(annotator, recipe, found)
        sink: FileOutput | StreamOutput = StreamOutput()
        if job.output != STANDARD:
            files = FileOutput(job.output, output, stance=recipe.stance)
            settings = _settings(job, source, recipe, found)
            sink = stack.enter_context(files.open(settings, header(output, stance=recipe.stance), resume=job.resume))
        resumed = sink.rows + sink.rejected
        chunks = _rest(cut_chunks(rows, job.chunk), sink, job)
        parts = _engine(job, chunks, annotator, recipe)
        del annotator  # Where others score, its session is not needed any more.
        for _ in track(_written(parts, sink), max(0, total - resumed), "score"):
            pass
        sink.finish(meta)
    return Report(sink.rows, sink.rejected, resumed)


def _named_targets(columns: Columns) -> list[str]:
    return [field for field, name in columns.asked.items() if field.startswith("target") and name is not None]


def _recipe(job: Job, annotator: Annotator, output: Format, *, stance: bool) -> Recipe:
    paths = tuple(str(Path(path).absolute()) for path in job.bundles)
    ids = tuple(bundle.manifest.id for bundle in annotator.bundles)
    key = None if job.key is None else str(Path(job.key).absolute())
    return Recipe(paths, ids, job.precision, job.threads, output, stance, key)


def _settings(job: Job, source: Format, recipe: Recipe, found: dict[str, str | None]) -> dict[str, Any]:
    """All that the output depends on; the input's rows are known by the digests of their chunks."""
    return {
        "input size": None if job.source == STANDARD else Path(job.source).stat().st_size,
        "input format": asdict(source),
        "columns": found,
        "bundles": list(recipe.ids),
        "precision": recipe.precision,
        "threads": recipe.threads,
        "chunk": job.chunk,
        "output format": asdict(recipe.output),
        "slant": __version__,
    }


def _meta(annotator: Annotator, recipe: Recipe, found: dict[str, str | None]) -> dict[str, Any]:
    """What is told once of all rows."""
    told = {"slant": __version__, "schema_version": SCHEMA_VERSION, "precision": recipe.precision, "threads": recipe.threads}
    return told | {"columns": found, "bundles": annotator.facts()}


def _rest(chunks: Iterator[Chunk], sink: FileOutput | StreamOutput, job: Job) -> Iterator[Chunk]:
    """The chunks behind those that are done. Raises ConfigError where those that are done are not the input's."""
    for index, digest in enumerate(sink.done):
        chunk = next(chunks, None)
        if chunk is None or chunk.digest() != digest:
            raise _other_input(job, index)
    for chunk in chunks:
        if sink.complete:
            raise _other_input(job, chunk.index)
        yield chunk


def _other_input(job: Job, index: int) -> ConfigError:
    problem = f"the broken job read another input (chunk {index + 1} of {job.chunk} rows differs)"
    return ConfigError(problem, where=job.output, remedy="Give the same input, or start anew with --overwrite")


def _engine(job: Job, chunks: Iterator[Chunk], annotator: Annotator, recipe: Recipe) -> Iterator[Part]:
    if job.engine == "dask":
        return on_dask(chunks, recipe, job.workers, job.scheduler)
    first = list(islice(chunks, 2))
    chunks = chain(first, chunks)
    # A second process for one chunk would only have to be started.
    return in_process(chunks, annotator, recipe) if job.workers == 1 or len(first) < 2 else over_processes(chunks, recipe, job.workers)


def _written(parts: Iterable[Part], sink: FileOutput | StreamOutput) -> Iterator[int]:
    """A number for each row, when it is written; a progress bar counts them."""
    for expected, part in enumerate(parts, len(sink.done)):
        if part.index != expected:
            raise DataError(f"chunk {part.index} came where {expected} should", remedy="Report this: it is a defect of slant")
        sink.add(part)
        yield from range(part.rows + part.rejected)
