"""Many calls at once share the thread that ends them: each is cut off at its own time, and no other with it."""

import threading

from ingestion.providers.transport.deadline import Deadline


class Waiting:
    """A socket from which somebody reads for ever, until it is shut down."""

    def __init__(self) -> None:
        self.is_shut = threading.Event()

    def shutdown(self, how: int) -> None:
        self.is_shut.set()


def call(seconds: float, connected: Waiting) -> bool:
    """Whether the read was ended."""
    with Deadline(seconds) as deadline:
        deadline.watch(connected)
        return connected.is_shut.wait(20)


def test_a_short_call_beside_a_long_one_is_cut_off_alone() -> None:
    short, long = [Waiting() for _ in range(8)], Waiting()
    with Deadline(3600) as patient:
        patient.watch(long)
        ended: list[bool] = []
        threads = [
            threading.Thread(target=lambda s=seconds, w=waiting: ended.append(call(s, w)))
            for seconds, waiting in zip((0.2, 0.15, 0.1, 0.05, 0.05, 0.1, 0.15, 0.2), short, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ended == [True] * 8
        assert not long.is_shut.is_set()


def test_a_call_that_ended_in_time_is_never_cut_off() -> None:
    done, after = Waiting(), Waiting()
    with Deadline(0.05) as deadline:
        deadline.watch(done)
    assert call(0.1, after)
    assert not done.is_shut.is_set()


def test_a_connection_that_comes_after_the_deadline_is_cut_off_at_once() -> None:
    late = Waiting()
    with Deadline(0) as deadline:
        deadline.watch(late)
        assert late.is_shut.is_set()
