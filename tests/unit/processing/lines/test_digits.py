"""Digits as whole numbers, many texts at once."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from processing.lines.digits import whole_numbers


@given(st.lists(st.text("0123456789", max_size=16), min_size=1, max_size=20), st.integers(0, 20), st.integers(0, 255))
def test_digits_are_the_number_that_they_spell(texts: list[str], at: int, odd: int) -> None:
    data = ("".join(texts) + "x" * 8).encode()
    stop = np.cumsum([len(text) for text in texts])
    start = stop - [len(text) for text in texts]

    def read(content: bytes) -> tuple[np.ndarray, np.ndarray] | None:
        words = np.ndarray((len(content) - 7,), dtype="<u8", buffer=content, strides=(1,))
        return whole_numbers(words, start, stop)

    found = read(data)
    assert found is not None
    assert found[0].tolist() == [int(text or "0") for text in texts]
    assert found[1].tolist() == [len(text) > 1 and text.startswith("0") for text in texts]
    if at < stop[-1] and not 48 <= odd <= 57:
        assert read(data[:at] + bytes([odd]) + data[at + 1 :]) is None
