"""Objects of the lake made before and after a change are the same bytes for the same input."""

from __future__ import annotations

import pytest
from tests.stored_forms.documents import REMEDY, differences, read_expected, unpacked
from tests.stored_forms.forms import Forms, make_forms


@pytest.fixture(scope="module")
def forms() -> Forms:
    return make_forms()


def test_every_stored_form_is_what_it_was(forms: Forms) -> None:
    told = differences(read_expected(), forms.texts)
    assert not told, "\n".join([f"{len(told)} stored forms are others. {REMEDY}", *told[:20]])


def test_the_archive_holds_the_same_objects_byte_by_byte(forms: Forms) -> None:
    archive = unpacked()
    assert archive.keys() == forms.objects.keys(), REMEDY
    changed = [name for name, body in forms.objects.items() if archive[name] != body]
    assert not changed, f"{REMEDY}: {changed[:10]}"
