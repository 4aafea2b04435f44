"""``python -m tests.stored_forms``: from now on the stored forms are what the code makes today."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from tests.stored_forms.documents import differences, read_expected, write_expected
from tests.stored_forms.forms import make_forms

forms = make_forms()
sys.stdout.write("\n".join(differences(read_expected(), forms.texts)) + "\n")
write_expected(forms.texts)
