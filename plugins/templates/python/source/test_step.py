from callboard import testing

from step import Sequence


def test_rows_are_numbered_from_the_start():
    outcome = testing.run(Sequence, config={"start": 5, "count": 2})
    assert outcome.rows == [{"n": 5, "text": "row 5"}, {"n": 6, "text": "row 6"}]
