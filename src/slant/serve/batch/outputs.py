"""Where parts go: to a file that appears whole, or to standard output as they come."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import sys
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from slant.errors import ConfigError, DataError, StorageError
from slant.files import write_atomic
from slant.serve.batch.extras import need
from slant.serve.batch.formats import Format
from slant.serve.batch.journal import Entry, append, complete_line, entry_line, head_line, read_journal, sound_entries
from slant.serve.batch.render import arrow_schema
from slant.serve.batch.worker import Part

__all__ = ["FileOutput", "StreamOutput", "check_output", "files_of"]

#: Rows of a Parquet row group, at least: chunks are joined until there are so many.
_GROUP = 65_536
_ENDS = {
    "output": "",
    "rejected": ".rejected.jsonl",
    "meta": ".meta.json",
    "partial": ".partial",
    "refused": ".rejected.partial",
    "journal": ".journal",
}


def files_of(output: str) -> dict[str, Path]:
    """The files of a job: those that stay (output, rejected, meta) and those that go when it is done (partial, refused, journal)."""
    return {name: Path(f"{output}{end}") for name, end in _ENDS.items()}


def check_output(source: str, output: str, *, resume: bool, overwrite: bool) -> None:
    """Raises ConfigError for an output that is the input, that has no folder, or that would be lost."""
    files = files_of(output)
    if not files["output"].parent.is_dir():
        raise ConfigError(f"there is no folder {files['output'].parent}", where=output, remedy="Make it, or name another")
    if files["output"].is_dir():
        raise ConfigError("it is a folder", where=output, remedy="Name a file")
    for file in files.values():
        if file.exists() and Path(source).exists() and file.samefile(source):
            raise ConfigError(f"{file} is the input, too", where="--output", remedy="Name another output")
    if overwrite:
        return
    if files["journal"].exists():
        if not resume:
            raise ConfigError("a broken job stands here", where=output, remedy="Go on with --resume, or start anew with --overwrite")
    elif standing := [files[name] for name in ("output", "rejected", "meta") if files[name].exists()]:
        raise ConfigError("it exists, and no broken job stands beside it", where=str(standing[0]), remedy="Name another output, or use --overwrite")


class FileOutput:
    """A job's files. Parts are appended to a partial file; the output takes its name when all are there.

    Attributes:
        done: the digest of each chunk that a broken job has written.
        rows, rejected: rows written so far.
        complete: whether a broken job had written all rows, and only `finish` is left to do.
    """

    def __init__(self, output: str, how: Format, *, stance: bool) -> None:
        self._files, self._how, self._stance = files_of(output), how, stance
        self.done: list[str] = []
        self.rows = self.rejected = 0
        self.complete = False

    @contextlib.contextmanager
    def open(self, settings: Mapping[str, Any], head: bytes, *, resume: bool) -> Iterator[FileOutput]:
        """Take the files, cut off what a broken job left half written, and be ready for the next part.

        Raises ConfigError for a broken job of other settings and while another process works on the same output.
        """
        with contextlib.ExitStack() as stack:
            with self._told():
                self._journal = self._append_to(stack, "journal")
                try:
                    fcntl.flock(self._journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    where = str(self._files["output"])
                    raise ConfigError("another process is writing it", where=where, remedy="Wait for it, or name another output") from error
                if resume and os.fstat(self._journal.fileno()).st_size and not self._torn():
                    self._go_on(settings)
                else:
                    self._start(settings, head)
                if not self.complete:
                    self._partial, self._refused = self._append_to(stack, "partial"), self._append_to(stack, "refused")
                    self._ends = [os.fstat(file.fileno()).st_size for file in (self._partial, self._refused)]
            try:
                yield self
            except BaseException:
                if not (self.rows or self.rejected or self.complete):
                    for name in ("partial", "refused", "journal"):
                        self._files[name].unlink(missing_ok=True)
                raise

    def add(self, part: Part) -> None:
        """Write a part, and then that it is written."""
        with self._told():
            append(self._partial, part.output)
            if part.refused:
                append(self._refused, part.refused)
            self._ends = [self._ends[0] + len(part.output), self._ends[1] + len(part.refused)]
            crcs = zlib.crc32(part.output), zlib.crc32(part.refused)
            entry = Entry(part.index, part.digest, part.rows, part.rejected, self._ends[0], crcs[0], self._ends[1], crcs[1])
            append(self._journal, entry_line(entry))
        self.rows, self.rejected = self.rows + part.rows, self.rejected + part.rejected

    def finish(self, meta: Mapping[str, Any]) -> None:
        """Give the files their names. A job that is killed in here finishes when it is resumed."""
        with self._told():
            if not self.complete:
                append(self._journal, complete_line())
            if self.rejected:
                _rename(self._files["refused"], self._files["rejected"])
            else:
                self._files["refused"].unlink(missing_ok=True)
                self._files["rejected"].unlink(missing_ok=True)
            told = dict(meta) | {"rows": self.rows, "rejected": self.rejected}
            with write_atomic(self._files["meta"]) as part:
                part.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
            if self._how.kind != "parquet":
                _rename(self._files["partial"], self._files["output"])
            elif self._files["partial"].exists():
                with write_atomic(self._files["output"]) as part:
                    self._join(part, told)
                self._files["partial"].unlink()
            self._files["journal"].unlink()

    def _append_to(self, stack: contextlib.ExitStack, name: str) -> IO[bytes]:
        return stack.enter_context(self._files[name].open("ab", buffering=0))

    def _torn(self) -> bool:
        """Whether the job was killed before its journal had a whole first line."""
        return b"\n" not in self._files["journal"].read_bytes()

    def _start(self, settings: Mapping[str, Any], head: bytes) -> None:
        # What an earlier job left at the output stands there until this one is done.
        self._files["refused"].unlink(missing_ok=True)
        self._journal.truncate(0)
        with self._files["partial"].open("wb", buffering=0) as file:
            append(file, head)
        append(self._journal, head_line(settings, len(head)))

    def _go_on(self, settings: Mapping[str, Any]) -> None:
        journal = read_journal(self._files["journal"])
        journal.refuse_other(settings, str(self._files["output"]))
        entries = journal.entries
        self.complete = journal.complete
        if not journal.complete:
            partial, refused = self._files["partial"], self._files["refused"]
            refused.touch()
            if not partial.exists() or partial.stat().st_size < journal.start:
                where, remedy = str(partial), "Start anew with --overwrite"
                raise DataError("the broken job's rows are gone, only its journal is left", where=where, remedy=remedy)
            entries = list(sound_entries(journal, partial, refused))
            os.truncate(partial, entries[-1].output_end if entries else journal.start)
            os.truncate(refused, entries[-1].refused_end if entries else 0)
            lines = self._files["journal"].read_bytes().splitlines(keepends=True)
            self._journal.truncate(sum(map(len, lines[: 1 + len(entries)])))
        self.done = [entry.digest for entry in entries]
        self.rows, self.rejected = sum(entry.rows for entry in entries), sum(entry.rejected for entry in entries)

    def _join(self, path: Path, meta: Mapping[str, Any]) -> None:
        """The Arrow streams of the partial file as one Parquet file, whose metadata `slant` tells what the sidecar tells."""
        pa, parquet = need("pyarrow", "Parquet"), need("pyarrow.parquet", "Parquet")
        journal = read_journal(self._files["journal"])
        schema = arrow_schema(stance=self._stance).with_metadata({"slant": json.dumps(dict(meta), ensure_ascii=False)})
        with self._files["partial"].open("rb") as file, parquet.ParquetWriter(path, schema) as writer:
            tables: list[Any] = []
            for entry in journal.entries:
                if data := file.read(entry.output_end - file.tell()):
                    tables.append(pa.ipc.open_stream(data).read_all())
                if sum(table.num_rows for table in tables) >= _GROUP:
                    writer.write_table(pa.concat_tables(tables).cast(schema))
                    tables = []
            if tables:
                writer.write_table(pa.concat_tables(tables).cast(schema))

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Turn an OSError about these files into a StorageError that says what is kept."""
        try:
            yield
        except OSError as error:
            where, kept = str(self._files["output"]), "the rows scored so far are kept"
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageError(f"the disk is full, {kept}", where=where, remedy="Free some space, then run again with --resume") from error
            if error.filename is None or str(error.filename) in map(str, self._files.values()):
                problem = f"cannot be written ({error.strerror or error})"
                raise StorageError(problem, where=where, remedy="Choose a folder that can be written") from error
            raise


class StreamOutput:
    """Standard output: parts as they come, and rejected rows as JSON lines on standard error. Nothing can be resumed."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.rows = self.rejected = 0
        self.complete = False

    def add(self, part: Part) -> None:
        sys.stdout.buffer.write(part.output)
        sys.stdout.buffer.flush()
        sys.stderr.write(part.refused.decode("utf-8"))
        self.rows, self.rejected = self.rows + part.rows, self.rejected + part.rejected

    def finish(self, meta: Mapping[str, Any]) -> None:
        """Nothing is left to do."""


def _rename(before: Path, after: Path) -> None:
    """Give a file its name; once done, doing it again changes nothing."""
    if before.exists():
        os.replace(before, after)
