from __future__ import annotations

import threading

import pytest

from ingestion.extract.serial_executor import SerialExecutor


def test_work_is_done_beside_in_order_and_awaited_at_the_end() -> None:
    done: list[int] = []
    go = threading.Event()

    def first() -> None:
        assert go.wait(60)
        done.append(1)

    with SerialExecutor() as lane:
        lane.run(first)
        assert done == []
        go.set()
        lane.run(lambda: done.append(2))
        lane.run(lambda: done.append(3))
    assert done == [1, 2, 3]


def test_after_a_failure_nothing_more_is_done() -> None:
    done: list[int] = []

    def fail() -> None:
        raise OSError("disk")

    def work() -> None:
        with SerialExecutor() as lane:
            lane.run(fail)
            lane.run(lambda: done.append(2))

    with pytest.raises(OSError, match="disk"):
        work()
    assert done == []


def test_the_last_failure_is_not_swallowed() -> None:
    def fail() -> None:
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"), SerialExecutor() as lane:
        lane.run(fail)


def test_a_failure_of_the_block_itself_goes_first() -> None:
    def fail() -> None:
        raise OSError("disk")

    def work() -> None:
        with SerialExecutor() as lane:
            lane.run(fail)
            raise KeyError("block")

    with pytest.raises(KeyError):
        work()
