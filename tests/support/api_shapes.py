"""APIs of random shapes: a server that answers by its own choices, and the settings that tell a contract of them.

The two share the choices and nothing else: the server has its own clocks, forms of time, pages and bodies.
"""

from __future__ import annotations

import base64
import csv
import datetime as dt
import io
import json
import random
from dataclasses import dataclass, field
from decimal import Decimal
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit
from zoneinfo import ZoneInfo

from tests.support.scripted_server import Answer, Request

ZONES = ["UTC", "UTC", "America/New_York", "Europe/London", "Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns"]
EPOCHS = {"epoch_seconds": 1, "epoch_milliseconds": 10**3, "epoch_microseconds": 10**6, "epoch_nanoseconds": 10**9}
PATTERNS = {"iso_local": "%Y-%m-%dT%H:%M:%S", "date": "%Y-%m-%d"}
URL_FORMS = ["iso", "iso_local", "date", *EPOCHS, "%Y%m%d%H", "%d/%m/%Y %H:%M", "%Y-%m-%d %H:%M:%S"]
RECORD_FORMS = ["iso", "iso_offset", "iso_local", *EPOCHS, "%d.%m.%Y %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
# Around changes of summer time of these zones, and away from all of them.
STARTS = [
    "2026-03-08",
    "2026-03-29",
    "2026-04-04",
    "2026-10-03",
    "2026-10-25",
    "2026-10-31",
    "2026-06-17",
    "2026-12-30",
]
LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEF0123456789+/=&<>\"'%;-_.~ "


@dataclass
class Shape:
    """The choices of one API. ``truth`` has what it knows of each entity by slot; None: it has the slot as a null."""

    seed: int
    truth: dict[str, dict[int, Decimal | None]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        draw = self.draw = random.Random(self.seed)
        self.every = draw.choice([60, 300, 3600, 3600, 86_400])
        self.zone = draw.choice(ZONES)
        self.url_form, self.record_form = draw.choice(URL_FORMS), draw.choice(RECORD_FORMS)
        self.format = draw.choice(["json", "json", "json", "csv", "ndjson"])
        self.layout = (
            draw.choice(["objects", "nested", "arrays", "columns", "map"]) if self.format == "json" else "objects"
        )
        pages = ["none", "none", "link", "page", "offset"] + (["next", "cursor"] if self.format == "json" else [])
        self.pages = "none" if self.layout in ("columns", "map") else draw.choice(pages)
        self.page_size = draw.choice([1, 3, 7, 50])
        self.range = draw.choice(["both", "both", "both", "no end", "period"])
        self.start_inclusive, self.end_inclusive = draw.random() < 0.8, draw.random() < 0.5
        self.word = draw.choice(["", "count", "complete"]) if self.format == "json" and self.pages == "none" else ""
        if self.format == "json" and self.pages in ("page", "offset"):
            self.word = draw.choice(["", "count"])
        self.limit = draw.choice([0, 0, 40]) if self.pages == "none" and self.layout == "objects" else 0
        self.null = draw.choice([None, "", ".", "M", -9999, "-9999.0"])
        self.as_text = draw.random() < 0.5
        self.auth = draw.choice(["none", "header", "query", "basic"])
        self.mixed = draw.random() < 0.3 and self.layout in ("objects", "nested")  # records of others are among them
        self.order = draw.choice(["up", "down", "mixed"])
        self.posts = draw.random() < 0.15 and self.pages in ("none", "link")
        self.echoes = draw.random() < 0.5 and self.format == "json" and self.layout not in ("arrays",)
        # Some cut an answer that has no end, and say nowhere that they do; who tells a limit keeps it.
        is_open = self.range == "no end" and self.pages == "none" and not self.limit
        self.hidden_limit = draw.choice([0, 30]) if is_open else 0
        self.name = draw.choice(["AAPL", "BRK B", "a/b", 'x"y', "é", "it's", "back\\slash", "100%"])
        self.others = ["other", "AAPL2"]
        self.secret = "".join(draw.choice(LETTERS) for _ in range(20)).strip().ljust(20, "x")
        if self.auth == "basic":
            self.secret = self.secret.replace(" ", "_") + ":pass word"
        day = dt.datetime.fromisoformat(draw.choice(STARTS)).replace(tzinfo=dt.UTC)
        start = int(day.timestamp()) + draw.randrange(0, 24) * 3600
        self.start = start // self.every * self.every
        self.count = draw.randrange(1, 60)
        self.end = self.start + self.count * self.every
        self.now = self.end + draw.randrange(0, 30) * self.every
        self.know()

    def know(self) -> None:
        """Draw the truth for its times."""
        first = self.start - 100 * self.every
        for entity in (self.name, *self.others):
            draw = random.Random(f"{self.seed}/{entity}")
            slots = range(first, self.now, self.every)
            values = {slot: Decimal(draw.randint(1, 10**9)).scaleb(-draw.choice([0, 2, 6])) for slot in slots}
            self.truth[entity] = {
                slot: None if draw.random() < 0.1 else value for slot, value in values.items() if draw.random() > 0.1
            }

    @property
    def has_whole_days(self) -> bool:
        return self.url_form == "date"

    # ------------------------------------------------------------ the contract

    def settings(self, url: str) -> dict[str, Any]:  # noqa: C901
        """The settings of a ``rest`` provider that tell of it."""
        history: dict[str, Any] = {"path": "/v1/{entity}", "query": {"from": "{start}"}, "most_pages": 100}
        if self.range == "both":
            history["query"]["to"] = "{end}"
            history["end"] = "inclusive" if self.end_inclusive else "exclusive"
        if self.range == "period":
            history["period"] = "day"
        if not self.start_inclusive and self.range != "period":
            history["start"] = "exclusive"
        history |= {"objects": OBJECTS, "nested": NESTED, "arrays": ARRAYS, "columns": COLUMNS, "map": MAP}[self.layout]
        if self.format != "json":
            history |= {"format": self.format, "records": "@"}
            if self.format == "csv":
                history["delimiter"] = self.delimiter
        if self.null is not None:
            history["nulls"] = [self.null if isinstance(self.null, int) else str(self.null)]
        if self.mixed:
            history["entity"] = "who"
        if self.pages == "link":
            history["next"] = "link"
        if self.pages == "next":
            history["next"] = "meta.next"
        if self.pages == "cursor":
            history["pages"] = {"by": "cursor", "parameter": "after", "from": "meta.cursor"}
        if self.pages in ("page", "offset"):
            history["pages"] = {"by": self.pages, "parameter": "n"}
        if self.word == "count":
            history["count"] = "meta.total"
        if self.word == "complete":
            history["complete"] = "meta.done == `true`"
        if self.limit:
            history["limit"] = self.limit
        if self.posts:
            history["body"] = {"range": {"from": "{start}", "what": ["{entity}"]}}
        forms = {"iso_offset": "iso"}
        times = {"urls": self.url_form, "records": forms.get(self.record_form, self.record_form), "zone": self.zone}
        settings: dict[str, Any] = {"url": url, "time": times, "span": "400 days", "history": history}
        if self.auth == "header":
            settings["headers"] = {"X-Key": "Key {secret}"}
        elif self.auth == "query":
            settings["auth"] = {"query": "api_key"}
        elif self.auth == "basic":
            settings["auth"] = {"basic": True}
        return settings

    @property
    def delimiter(self) -> str:
        return [",", ";", "\t"][self.seed % 3]

    # ------------------------------------------------------------ the server

    def answer(self, request: Request) -> Answer:
        parts = urlsplit(request.path)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        query = dict(pairs)
        assert len(query) == len(pairs), "a parameter twice"
        self.requests.append(request.path)
        if not self._is_signed(request, query):
            return Answer('{"error": "who are you"}', 401)
        entity = unquote(parts.path).removeprefix("/v1/")
        records = self._records(entity, query)
        total = len(records)
        offset = self._offset(query)
        page = records if self.pages == "none" else records[offset : offset + self.page_size]
        if self._is_gap(query, offset):
            page = []
        more = offset + len(page) < total
        meta: dict[str, Any] = {"total": total if self.seed % 2 else str(total), "done": True}
        headers = {}
        if self.pages == "link" and more:
            headers["Link"] = f'<{self._at(parts.path, query, offset + len(page), is_gap=not page)}>; rel="next"'
        if self.pages == "next" and more:
            meta["next"] = self._at(parts.path, query, offset + len(page), is_gap=not page)
        if self.pages == "cursor":
            meta["cursor"] = f"{'c' if page else 'g'}:{offset + len(page)}" if more else None
        if self.echoes:
            meta["echo"] = {"url": request.path, "headers": request.headers, "key": self.secret}
        return Answer(self._body(page, meta), 200, headers, format_datetime(at(self.now), usegmt=True))

    def _is_signed(self, request: Request, query: dict[str, str]) -> bool:
        match self.auth:
            case "header":
                return request.headers.get("X-Key") == f"Key {self.secret}"
            case "query":
                return query.get("api_key") == self.secret
            case "basic":
                expected = base64.b64encode(self.secret.encode()).decode()
                return request.headers.get("Authorization") == f"Basic {expected}"
        return True

    def _is_gap(self, query: dict[str, str], offset: int) -> bool:
        """A third of the APIs with links or cursors have an empty page in front of each but the first."""
        after_gap = query.get("gap") == "1" or query.get("after", "").startswith("g:")
        return self.pages in ("link", "next", "cursor") and self.seed % 3 == 0 and offset > 0 and not after_gap

    def _at(self, path: str, query: dict[str, str], offset: int, *, is_gap: bool) -> str:
        """A link; half of the APIs repeat the key in it."""
        kept = {name: value for name, value in query.items() if name != "api_key" or self.seed % 2}
        return f"{path}?{urlencode({**kept, 'at': str(offset), 'gap': str(int(is_gap))})}"

    def _offset(self, query: dict[str, str]) -> int:
        if self.pages == "page":
            return (int(query["n"]) - 1) * self.page_size
        if self.pages == "offset":
            return int(query.get("n", "0"))
        if self.pages == "cursor":
            return int(query.get("after", "c:0")[2:])
        return int(query.get("at", "0"))

    def _records(self, entity: str, query: dict[str, str]) -> list[tuple[str, int, Decimal | None]]:
        first, unit = self._instant(query["from"])
        last = self.now
        if self.range == "period":
            first = self._midnight(first)
            last = self._midnight(first + 26 * 3600)
        elif not self.start_inclusive:
            first += unit if self.has_whole_days or unit > 1 else 1
        if self.range == "both":
            until, unit = self._instant(query["to"])
            last = until + unit if self.end_inclusive else until
        names = [entity, *self.others] if self.mixed else [entity]
        records = [
            (name, slot, value)
            for name in names
            for slot, value in self.truth[name].items()
            if first <= slot < min(last, self.now)
        ]
        if self.limit and len(records) > self.limit:
            records = records[-self.limit :] if self.seed % 2 else records[: self.limit]
        if self.hidden_limit and not self.word:
            records = records[: self.hidden_limit]
        if self.order == "down":
            records.reverse()
        elif self.order == "mixed":
            random.Random(self.seed).shuffle(records)
        return records

    def _instant(self, text: str) -> tuple[int, int]:
        """The instant that a URL names, and how long the time is that its text covers."""
        if self.url_form in EPOCHS:
            return int(text) // EPOCHS[self.url_form], 1
        if self.url_form == "iso":
            return int(dt.datetime.fromisoformat(text).timestamp()), 1
        pattern = PATTERNS.get(self.url_form, self.url_form)
        wall = dt.datetime.strptime(text, pattern)  # noqa: DTZ007
        fold = self.seed % 2  # of an hour that comes twice, it takes the one or the other
        at = int(wall.replace(tzinfo=ZoneInfo(self.zone), fold=fold).timestamp())
        if self.url_form == "date":
            at = self._midnight(at)
            return at, self._midnight(at + 26 * 3600) - at
        return at, 1 if "%S" in pattern else 60 if "%M" in pattern else 3600

    def _midnight(self, at: int) -> int:
        local = dt.datetime.fromtimestamp(at, ZoneInfo(self.zone))
        return int(local.replace(hour=0, minute=0, second=0, fold=0).timestamp())

    # ------------------------------------------------------------ bodies

    def _time(self, slot: int) -> Any:
        if self.record_form in EPOCHS:
            number = slot * EPOCHS[self.record_form]
            return str(number) if self.format == "csv" or self.seed % 5 == 0 else number
        local = dt.datetime.fromtimestamp(slot, ZoneInfo(self.zone))
        if self.record_form == "iso":
            return dt.datetime.fromtimestamp(slot, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if self.record_form == "iso_offset":
            return local.isoformat()
        return local.strftime(PATTERNS.get(self.record_form, self.record_form))

    def _value(self, value: Decimal | None) -> Any:
        if value is None:
            return self.null
        return str(value) if self.as_text or self.format == "csv" else f"@{value}@"

    def _body(self, page: list[tuple[str, int, Decimal | None]], meta: dict[str, Any]) -> str:
        rows = [(name, self._time(slot), self._value(value)) for name, slot, value in page]
        if self.format == "csv":
            text = io.StringIO()
            writer = csv.writer(text, delimiter=self.delimiter, lineterminator="\r\n" if self.seed % 2 else "\n")
            writer.writerow(["who", "at", "v", "note"])
            writer.writerows([name, at, value, 'a "note", with ; all'] for name, at, value in rows)
            return ("\ufeff" if self.seed % 3 == 0 else "") + text.getvalue()
        objects = [{"who": name, "at": at, "v": value} for name, at, value in rows]
        if self.format == "ndjson":
            return "\n".join(_exact(row) for row in objects)
        if self.layout == "nested":
            content: Any = [{"who": row["who"], "t": {"at": row["at"]}, "m": [{"v": row["v"]}]} for row in objects]
        elif self.layout == "arrays":
            content = [[at, "x", value] for _, at, value in rows]
        elif self.layout == "columns":
            content = {"at": [at for _, at, _ in rows], "v": [value for _, _, value in rows]}
        elif self.layout == "map":
            content = {str(at): {"v": value} for _, at, value in rows}
        else:
            content = objects
        return _exact({"data": content, "meta": meta})


OBJECTS = {"records": "data", "time": "at", "fields": {"v": "v"}}
NESTED = {"records": "data", "time": "t.at", "fields": {"v": "m[0].v"}}
ARRAYS = {"records": "data", "time": "[0]", "fields": {"v": "[2]"}}
COLUMNS = {"records": "data", "shape": "columns", "time": "at", "fields": {"v": "v"}}
MAP = {"records": "data", "shape": "map", "fields": {"v": "v"}}


def _exact(document: object) -> str:
    return json.dumps(document).replace('"@', "").replace('@"', "")


def at(slot: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(slot, dt.UTC)


def spelt(secret: str) -> list[str]:
    """What must not be seen: the secret, and its way through a URL."""
    go = json.dumps(secret)[1:-1].replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return [secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode(), go]
