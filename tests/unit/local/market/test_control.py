from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from tests.support.calling import NOW
from tests.support.waiting import eventually

from core.errors import OutOfReach
from local.child import SOURCE_ROOT, Child, is_running
from local.market import MarketControl, MarketProcess


def test_a_market_process_is_found_again_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(OutOfReach):
        MarketProcess.attach(tmp_path)
    started = MarketProcess.start(tmp_path, seed=9, token="other")
    found = MarketProcess.attach(tmp_path)
    assert (found.url, found.seed, found.token) == (started.url, 9, "other")
    found.clock.set(NOW)
    assert started.clock.now() == NOW
    found.stop()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutOfReach, match="control the market"):
        MarketControl(started.url)
    started.stop()


def test_a_market_process_ends_with_its_parent(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, signal, sys; from local.market import MarketProcess\n"
        "MarketProcess.start(pathlib.Path(sys.argv[1]))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    path = {**os.environ, "PYTHONPATH": str(SOURCE_ROOT)}
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], env=path, check=False)
    assert ended.returncode == -signal.SIGKILL
    eventually(lambda: not is_running(tmp_path / "market.json"), within=10)


def test_the_command_can_stand_still_at_a_time_and_keep_an_exchanges_hours(tmp_path: Path) -> None:
    arguments = ["--at", "2026-11-20T13:00:00+00:00", "--calendar", "XNYS", "--token", "t"]
    child = Child.start("local.market", arguments, state=tmp_path / "market.json")
    try:
        url = child.facts["url"]
        parameters = {"symbol": "AAPL", "resolution": "1", "from": "1795177800", "to": "1795179540", "token": "t"}
        closed = requests.get(f"{url}/api/v1/stock/candle", params=parameters, timeout=60)
        assert closed.headers["Date"] == "Fri, 20 Nov 2026 13:00:00 GMT"
        assert closed.json() == {"s": "no_data"}
        MarketControl(url).clock.advance(7_200)
        parameters |= {"from": "1795185000", "to": "1795186740"}  # 14:30 to 14:59
        assert len(requests.get(f"{url}/api/v1/stock/candle", params=parameters, timeout=60).json()["t"]) == 30
    finally:
        child.stop()
