"""``starmend init``: what it makes, from what, and what it says where it cannot."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
import yaml
from tests.support.commands import Command
from tests.support.extraction import scratch_database
from tests.support.scripted_server import Answer, scripted_server
from tests.support.sources import shared_server

LOANS = [
    "CREATE TABLE reader (reader_id int PRIMARY KEY, name text NOT NULL, card_number text, portrait bytea,"
    " joined_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now())",
    "CREATE TABLE loan (loan_id bigint, lent_to int NOT NULL, fee numeric NOT NULL,"
    " lent_at timestamptz NOT NULL, PRIMARY KEY (loan_id, lent_at)) PARTITION BY RANGE (lent_at)",
    "CREATE TABLE loan_2026 PARTITION OF loan FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
    "ALTER TABLE loan_2026 ADD FOREIGN KEY (lent_to) REFERENCES reader",
    "CREATE TABLE branch (branch_id int PRIMARY KEY, town text NOT NULL)",
    'CREATE TABLE "Shelf Marks" (mark text NOT NULL, edited timestamp)',
    "CREATE VIEW readers AS SELECT name FROM reader",
    "INSERT INTO reader (reader_id, name) VALUES (1, 'Ada')",
    "INSERT INTO loan SELECT g, 1, 0.5, timestamptz '2026-01-01' + g * interval '1 hour' FROM generate_series(1, 99) g",
    "ANALYZE",
]


def address(dbname: str) -> str:
    server = shared_server()
    user, authorities = server.extractor, quote(str(server.certificate))
    login = f"{user.user}:{quote(user.password, safe='')}@{server.host}:{server.port}"
    return f"postgresql://{login}/{dbname}?sslrootcert={authorities}"


@pytest.mark.database
def test_the_contract_of_a_database_is_proposed_with_a_reason_for_each_guess(
    starmend: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scratch_database(*LOANS) as database:
        said = starmend("init", str(tmp_path / "shop"), "--from", address(database.dbname))
        (file,) = (tmp_path / "shop" / "contracts").iterdir()
    assert (said.code, file.name) == (0, f"{database.dbname}.yaml"), said.err
    text = file.read_text()
    assert shared_server().extractor.password not in text
    contract = yaml.safe_load(text)
    assert list(contract["warehouse"]) == ["fact_loan", "dim_branch", "dim_reader", "dim_date"]
    assert contract["source"]["tables"]["loan"]["created_at"] == "lent_at"
    assert contract["source"]["tables"]["reader"]["changed_at"] == "updated_at"
    assert contract["warehouse"]["fact_loan"]["columns"]["lent_to"]["references"] == "dim_reader.reader_id"
    for remark in (
        "created_at: lent_at  # never null, never in the future, and indexed",
        "changed_at: updated_at  # by its name; nothing in the catalog says that every update sets it",
        "changed_at: none  # no column tells when a row changed: every audit compares all 0 rows",
        "# card_number: string?  # looks like a secret",
        "# portrait: string?  # binary",
        "fee: decimal(38,9)  # the source has numeric, without a bound",
        "kind: fact  # it refers to 1 table and tells when: lent_at",
        'it has no primary key and no unique index without nulls: public."Shelf Marks"',
        "one can be read where it has a key and a clock, with a lookback: public.readers",
    ):
        assert remark in text
    monkeypatch.chdir(tmp_path / "shop")
    assert starmend("contract", "check").code == 0


@pytest.mark.database
def test_a_database_of_which_nothing_can_be_promised_is_said_to_be_one_and_leaves_no_folder(
    starmend: Command, tmp_path: Path
) -> None:
    with scratch_database("CREATE TABLE note (a int)") as database:
        said = starmend("init", str(tmp_path / "shop"), "--from", address(database.dbname))
    assert (said.code, "no table can be promised: public.note: nothing tells its rows apart" in said.err) == (3, True)
    assert not (tmp_path / "shop").exists()


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("oracle://u:pw-1@h/d", "oracle:// names no kind of database"),
        ("shop", "nothing:// names no kind"),
        ("postgresql://u:pw-1@h", "names no host, no user or no database"),
        ("postgresql://u:pw-1@h:port/d", "cannot be read as an address"),
        ("postgresql://u:pw-1@h/d?sslrootcert=nowhere.pem", "nowhere.pem"),
        ("postgresql://u@h/d", "no password is given"),
        ("postgresql://u:pw-1@h/d?sslmode=prefer", "sslmode is none of"),
    ],
)
def test_an_address_that_names_no_database_is_misuse_and_its_password_stays_unsaid(
    given: str, problem: str, starmend: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    said = starmend("init", str(tmp_path / "shop"), "--from", given)
    assert (said.code, problem in said.err, "pw-1" in said.err) == (2, True, False), said.err
    assert not (tmp_path / "shop").exists()


def hourly(entity: str, count: int) -> str:
    rows = [f'{{"at": "2026-11-20T{hour:02}:00:00Z", "air": {{"temp": {hour}.25}}}}' for hour in range(count)]
    return f'{{"station": "{entity}", "data": [{", ".join(rows)}], "status": "complete"}}'


def test_a_feed_is_proposed_from_an_answer_in_a_file(
    starmend: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Weather answer.json").write_text(hourly("EGLL", 5))
    said = starmend("init", str(tmp_path / "shop"), "--from-sample", str(tmp_path / "Weather answer.json"))
    assert (said.code, said.err) == (0, "")
    contract = yaml.safe_load((tmp_path / "shop/contracts/weather_answer.yaml").read_text())
    call = contract["source"]["provider"]["rest"]["history"]
    assert (call["records"], call["time"], call["fields"]) == ("data", "at", {"air_temp": "air.temp"})
    assert contract["source"]["every"] == "1 hour"
    assert contract["warehouse"]["fact_weather_answer"]["columns"]["air_temp"] == "decimal(10,2)"
    monkeypatch.chdir(tmp_path / "shop")
    assert starmend("contract", "check").code == 0


def test_an_address_is_asked_once_and_told_again_with_placeholders_and_without_its_key(
    starmend: Command, tmp_path: Path
) -> None:
    with scripted_server(lambda _request: Answer(hourly("EGLL", 5))) as server:
        query = "from=2026-11-20T00:00:00Z&to=2026-11-20T05:00:00Z&units=metric&apikey=pw-1"
        said = starmend("init", str(tmp_path / "shop"), "--from-sample", f"{server.url}/v2/EGLL/hours?{query}")
        assert len(server.requests) == 1
    assert said.code == 0, said.err
    (file,) = (tmp_path / "shop" / "contracts").iterdir()
    assert "pw-1" not in file.read_text()
    source = yaml.safe_load(file.read_text())["source"]
    rest = source["provider"]["rest"]
    assert rest["auth"] == {"query": "apikey"}
    assert source["secret"].endswith("-key")
    assert rest["history"]["path"] == "/v2/{entity}/hours"
    assert rest["history"]["query"] == {"from": "{start}", "to": "{end}", "units": "metric"}
    assert source["entities"] == ["EGLL"]
    assert rest["history"]["fields"] == {"air_temp": "air.temp"}


@pytest.mark.parametrize(
    ("answer", "problem", "code"),
    [
        (Answer("<html>"), "is no JSON", 3),
        (Answer("{}", 403), "it answers 403", 3),
        (Answer('{"a": ["b"]}'), "no list or object in it has records with numbers", 3),
    ],
)
def test_an_answer_that_holds_no_records_is_told_without_the_key_and_leaves_no_folder(
    answer: Answer, problem: str, code: int, starmend: Command, tmp_path: Path
) -> None:
    with scripted_server(lambda _request: answer) as server:
        said = starmend("init", str(tmp_path / "shop"), "--from-sample", f"{server.url}/now?key=pw-1")
    assert (said.code, problem in said.err, "pw-1" in said.err) == (code, True, False), said.err
    assert not (tmp_path / "shop").exists()


def test_a_file_that_is_not_there_is_misuse(starmend: Command, tmp_path: Path) -> None:
    said = starmend("init", str(tmp_path / "shop"), "--from-sample", str(tmp_path / "nowhere.json"))
    assert (said.code, "Name a readable file" in said.err) == (2, True)
