"""What the page says, and the templates do, is so."""

import re
import runpy
from pathlib import Path
from typing import Any

from callboard import testing

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs/sdk/python.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
TEXTS = ["a b", None, "", " é\u00a0x\ty\u001fz\v ", "one", "\n"]
NAMES = {"transform": "WordCount", "global": "FirstOfEach", "source": "Sequence"}


def template(kind: str) -> Any:
    return runpy.run_path(str(ROOT / f"plugins/templates/python/{kind}/step.py"))[NAMES[kind]]


def test_the_examples_are_those_of_the_templates() -> None:
    for kind in NAMES:
        source = (ROOT / f"plugins/templates/python/{kind}/step.py").read_text()
        body = source[source.index(f"class {NAMES[kind]}(") :]
        assert any(block.endswith(body) for block in BLOCKS), f"the page has no `{NAMES[kind]}` as in the template"


def test_by_columns_is_the_same_step() -> None:
    namespace: dict[str, Any] = {"__name__": "page"}
    by_rows, by_columns = [block for block in BLOCKS if "class WordCount(Transform)" in block]
    for block, method in ((by_rows, "row"), (by_columns, "process")):
        exec(block, namespace)
        step = namespace["WordCount"]
        assert method in vars(step)
        outcome = testing.run(step, [{"text": text} for text in TEXTS], config={"min": 2})
        assert outcome == testing.run(template("transform"), [{"text": text} for text in TEXTS], config={"min": 2})
        assert [row["n_words"] for row in outcome.rows] == [2, 2]
        assert outcome.rejected == [(1, "no text")]


def test_first_of_each_takes_null_as_a_value() -> None:
    rows = [{"source": source} for source in ("a", None, "b", None, "a", "c")]
    outcome = testing.run(template("global"), rows, [{"source": "c"}])
    assert [row["source"] for row in outcome.rows] == ["a", None, "b"]
    assert outcome.dropped == [(3, "duplicate"), (4, "duplicate"), (5, "known")]


def test_the_longest_of_each_domain_are_kept() -> None:
    (block,) = [block for block in BLOCKS if "class Longest(Global)" in block]
    namespace: dict[str, Any] = {"__name__": "page"}
    exec(block, namespace)
    domains, lengths = ("a", None, "b", "a", "a", None, "a"), (1, 2, 3, 9, None, 2, 9)
    rows = [{"id": id, "domain": domain, "n_chars": n} for id, (domain, n) in enumerate(zip(domains, lengths), 1)]

    def kept(most: int) -> list[tuple[int, int]]:
        outcome = testing.run(namespace["Longest"], rows, config={"most": most})
        return [(row["id"], row["n_in_domain"]) for row in outcome.rows]

    assert kept(1) == [(2, 2), (3, 1), (4, 4)]
    assert kept(2) == [(2, 2), (3, 1), (4, 4), (6, 2), (7, 4)]
    assert len(kept(9)) == 7


def test_sequence_may_be_empty() -> None:
    assert testing.run(template("source"), config={"count": 0}).rows == []
