"""Problems name file, place, what is wrong and what would be right."""

from __future__ import annotations

import pickle

from core.authoring.problems import MOST_OPTIONS, BadContracts, Problem, Problems, nearest


def test_a_wrong_name_is_answered_with_the_nearest_or_with_a_few() -> None:
    assert nearest("stafff", ["staff", "sale"]) == "Did you mean 'staff'?"
    assert nearest("x", ["staff", "sale"]) == "Use one of: staff, sale"
    assert nearest("x", []) == "Use one of: (there are none)"
    many = [f"name_{number:03}" for number in range(100)]
    assert nearest("x", many).endswith(f"name_{MOST_OPTIONS - 1:03} and {100 - MOST_OPTIONS} more")


def test_a_check_goes_on_after_a_problem() -> None:
    problems = Problems("a.yaml")
    assert not problems.expect_one_of("x.y", "b", ["a"], what="letter")
    assert problems.expect_one_of("x.y", "a", ["a"], what="letter")
    problems.add("x", "is odd", "Mend it", warning=True)
    assert [str(problem) for problem in problems.items] == [
        "a.yaml: x.y: 'b' is no letter. Use one of: a",
        "a.yaml: x: is odd. Mend it",
    ]


def test_all_problems_are_one_error_that_says_how_many_there_are() -> None:
    error = BadContracts([Problem("a.yaml", "x", "is odd", "Mend it"), Problem("b.yaml", "y", "is even", "")])
    assert str(error) == "contract check: a.yaml: x: is odd (and 1 more). Mend it"
    assert pickle.loads(pickle.dumps(error)).problems == error.problems
