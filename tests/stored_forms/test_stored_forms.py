"""Objects of the lake made before and after a change are the same bytes for the same input."""

from __future__ import annotations

import pytest
from tests.stored_forms.documents import REMEDY, differences, read_expected, unpacked
from tests.stored_forms.forms import Forms, make_forms

SHOWN = 20


@pytest.fixture(scope="module")
def forms() -> Forms:
    return make_forms()


def test_every_stored_form_is_what_it_was(forms: Forms) -> None:
    told = differences(read_expected(), forms.texts)
    if told:
        more = [f"... and {len(told) - SHOWN} more"] if len(told) > SHOWN else []
        pytest.fail("\n".join([f"{len(told)} stored forms are others. {REMEDY}", *told[:SHOWN], *more]), pytrace=False)


def test_the_archive_holds_the_same_objects_byte_by_byte(forms: Forms) -> None:
    archive = unpacked()
    names = sorted(archive.keys() | forms.objects.keys())
    changed = [name for name in names if archive.get(name) != forms.objects.get(name)]
    if changed:
        told = "\n".join(changed[:SHOWN])
        pytest.fail(f"{len(changed)} objects are others than in the archive. {REMEDY}\n{told}", pytrace=False)
