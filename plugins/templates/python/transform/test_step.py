from callboard import testing

from step import WordCount


def test_words_are_counted_and_few_are_dropped():
    outcome = testing.run(WordCount, [{"text": "a b c"}, {"text": "a"}, {"text": None}], config={"min": 2})
    assert outcome.rows == [{"text": "a b c", "n_words": 3}]
    assert outcome.dropped == [(1, "1 words, fewer than 2")]
    assert outcome.rejected == [(2, "no text")]
