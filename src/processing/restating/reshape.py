"""Lines of ingest objects shaped again, as they would be today, for the auditor to compare the star with.

Nothing is committed. Lines that would be rejected today give no rows.
"""

from __future__ import annotations

import io
import random
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import InvalidData
from core.json import UNREADABLE
from core.landing.reshaping import ReshapedPart, ReshapeLines, parts_to_data, reshaping_from_data
from processing.lines.blocks import Block, LongLine, UnreadableObject, line_blocks
from processing.parse_object import Part, parse_object
from processing.plan import SourcePlan, plan_source
from processing.services import Services
from processing.shape import Origin

MOST_BYTES = (
    32 << 20
)  # of a sample of an object's lines, which is in memory whole and takes several times as much as rows


def reshape_lines(services: Services, question: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a question (``core.landing.reshaping``), JSON-ready; objects that are gone give nothing.

    Nor do any where the question is of another contract than the one at hand.

    Raises ``InvalidData`` where it is no question, or names a table that the contract has not.
    """
    try:
        asked = reshaping_from_data(question)
        plan = plan_source(services.contracts.dataset(asked.dataset), asked.table)
    except UNREADABLE as error:
        raise InvalidData("reshape lines", repr(dict(question))[:200], str(error)) from error
    if asked.contract not in ("", plan.contract.hash):
        services.log.info("no lines are shaped by another contract", dataset=asked.dataset, wanted=asked.contract)
        return parts_to_data(())
    shaped: dict[tuple[str, str], list[pa.Table]] = {}
    for key in asked.objects:
        for part in _parts(services, plan, key, asked):
            shaped.setdefault((part.table.folder, part.path), []).append(part.rows)
    return parts_to_data(list(_written(services, shaped, asked)))


def _parts(services: Services, plan: SourcePlan, key: str, asked: ReshapeLines) -> Iterable[Part]:
    opened = services.ingest.open(key)
    if opened is None:
        return ()
    try:
        blocks = line_blocks(opened.stream, place=key)
        lines = sample_lines(blocks, most=asked.lines, seed=f"{asked.seed}\n{key}")
    except UnreadableObject:
        return ()  # processing halts it, which is another finding
    finally:
        opened.stream.close()
    settlings = services.settlings(asked.dataset)
    origin = Origin(plan.contract, services.contracts, opened.stat.modified, settlings)
    now, timer = services.now(), services.timer
    return parse_object(io.BytesIO(b"".join(lines)), plan, origin, place=key, now=now, timer=timer).parts


def sample_lines(blocks: Iterable[Block | LongLine], *, most: int, seed: str) -> list[bytes]:
    """At most so many of the lines, each with the same chance, whatever their number; the same ones for a seed.

    Lines that are too long to be taken apart are passed over. Long ones make the sample smaller: it has at most
    ``MOST_BYTES``, or one line.
    """
    draw, kept, seen, size = random.Random(seed), list[bytes](), 0, 0
    for block in blocks:
        for line in filter(None, block.data.split(b"\n")) if isinstance(block, Block) else ():
            seen += 1
            if len(kept) < most:
                kept.append(line + b"\n")
                size += len(kept[-1])
            elif (place := draw.randrange(seen)) < most:
                size += len(line) + 1 - len(kept[place])
                kept[place] = line + b"\n"
            while size > MOST_BYTES and len(kept) > 1:
                size -= len(kept.pop(draw.randrange(len(kept))))
                most = len(kept)
    return kept


def _written(
    services: Services, shaped: Mapping[tuple[str, str], list[pa.Table]], asked: ReshapeLines
) -> Iterator[ReshapedPart]:
    """Some partitions of each table, drawn by their rows, each in an object."""
    parts = [
        ReshapedPart(folder, path, f"{asked.target}-{number:04d}.parquet", sum(rows.num_rows for rows in tables))
        for number, ((folder, path), tables) in enumerate(shaped.items())
    ]
    draw = random.Random(f"{asked.seed}\n{asked.table}")
    turns = {part: draw.random() ** (1 / max(1, part.rows)) for part in parts}  # the more rows, the likelier first
    for folder in dict.fromkeys(part.folder for part in parts):
        of_table = (part for part in parts if part.folder == folder)
        for part in sorted(of_table, key=turns.__getitem__, reverse=True)[: asked.parts]:
            body = io.BytesIO()
            pq.write_table(pa.concat_tables(shaped[part.folder, part.path]), body, compression="zstd")
            services.records.write(part.object, body.getvalue())
            yield part
