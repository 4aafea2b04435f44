"""Iceberg's own Java library as a reader of mirrors: the code that Spark and Trino read by, without either of them.

Its jar is in ``.venv-engines``, Hadoop's and Jackson's are in ``.venv-spark``; ``make chaos`` builds both.
"""

from __future__ import annotations

import re
import struct
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).with_name("IcebergReader.java")
JARS = ("hadoop-client-api-*", "hadoop-client-runtime-*", "slf4j-api-*", "commons-lang3-*", "snappy-java-*")
JACKSON = ("jackson-annotations-*", "jackson-core-2*", "jackson-databind-*")
# Whoever made the package took Jackson out of Iceberg's jar, which calls it by the name that it has in there.
FROM, TO = b"com/fasterxml/jackson", b"org/apache/iceberg/shaded/com/fasterxml/jackson"
_TEXT, _EIGHT_BYTES = 1, (5, 6)  # tags of a class's constants (JVM specification 4.4); the latter count twice
_SIZES = {3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 17: 4, 18: 4, 19: 2, 20: 2}
_ESCAPED = re.compile(r"\\(.)")


class JavaReader:
    """A process of Java."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def rows(self, metadata: str, snapshot: int | None = None) -> list[list[str]]:
        """The rows at a snapshot, or as the table is, as ``tests.support.engines.text_rows`` has them.

        Raises ``AssertionError`` with what the library raised.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{metadata}\t{snapshot or ''}\n")
        self._process.stdin.flush()
        rows = []
        for line in self._process.stdout:
            kind, *cells = line.rstrip("\n").split("\t")
            assert kind != "error", _plain(cells[0])
            if kind == "end":
                return sorted(rows)
            rows.append([_plain(cell) for cell in cells])
        raise AssertionError("the reader has ended")


@contextmanager
def java_reader(scratch: Path) -> Iterator[JavaReader]:
    """The reader, until the block ends."""
    (spark,) = (ROOT / ".venv-spark").glob("lib/*/site-packages/pyspark/jars")
    (iceberg,) = (ROOT / ".venv-engines").glob("lib/*/site-packages/snowpark_connect_deps_iceberg/jars/*runtime*_2.13*")
    moved = scratch / "jackson.jar"
    _move([jar for pattern in JACKSON for jar in spark.glob(f"{pattern}.jar")], moved)
    jars = [iceberg, moved, *(jar for pattern in JARS for jar in spark.glob(f"{pattern}.jar"))]
    command = ["java", "-XX:TieredStopAtLevel=1", "-cp", ":".join(map(str, jars)), str(SOURCE)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with process:
        yield JavaReader(process)
        assert process.stdin is not None
        process.stdin.close()


def _plain(text: str) -> str:
    return _ESCAPED.sub(lambda match: {"t": "\t", "n": "\n"}.get(match[1], match[1]), text)


def _move(jars: list[Path], target: Path) -> None:
    """The classes of the jars in one, in another package."""
    with zipfile.ZipFile(target, "w") as written:
        for jar in jars:
            with zipfile.ZipFile(jar) as read:
                for name in read.namelist():
                    if name.startswith(FROM.decode()) and name.endswith(".class"):
                        written.writestr(name.replace(FROM.decode(), TO.decode()), _moved(read.read(name)))


def _moved(body: bytes) -> bytes:
    """A class whose constants name the other package."""
    (count,), place, number, pieces = struct.unpack(">H", body[8:10]), 10, 1, [body[:10]]
    while number < count:
        tag = body[place]
        if tag == _TEXT:
            begin = place + 3
            end = begin + int.from_bytes(body[place + 1 : begin], "big")
            text = body[begin:end].replace(FROM, TO).replace(FROM.replace(b"/", b"."), TO.replace(b"/", b"."))
            pieces.append(bytes([tag]) + struct.pack(">H", len(text)) + text)
        else:
            end = place + 1 + _SIZES[tag]
            pieces.append(body[place:end])
        place = end
        number += 2 if tag in _EIGHT_BYTES else 1
    return b"".join(pieces) + body[place:]
