from callboard import testing

from step import FirstOfEach


def test_the_first_of_each_value_is_kept():
    outcome = testing.run(FirstOfEach, [{"source": "a"}, {"source": "b"}, {"source": "a"}])
    assert outcome.rows == [{"source": "a"}, {"source": "b"}]
    assert outcome.dropped == [(2, "duplicate")]


def test_what_the_second_input_has_is_known():
    outcome = testing.run(FirstOfEach, [{"source": "a"}, {"source": "b"}], [{"source": "b"}])
    assert outcome.rows == [{"source": "a"}]
    assert outcome.dropped == [(1, "known")]
