"""The functions of `callboard` that name a step, with the configurations of the bundled ones.

Written from the steps' JSON Schemas by `python -m callboard._host.stubs`; do not edit.
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, Literal, TypedDict, overload

from callboard._host.builder import StepSpec, WrongConfiguration
from callboard._host.step import Step as _Step

class _AggregateFunctionRequired(TypedDict):
    count: str

class AggregateFunction(_AggregateFunctionRequired, total=False):
    """The number of values that are not null."""

class _AggregateFunction1Required(TypedDict):
    sum: str

class AggregateFunction1(_AggregateFunction1Required, total=False):
    """The sum."""

class _AggregateFunction2Required(TypedDict):
    mean: str

class AggregateFunction2(_AggregateFunction2Required, total=False):
    """The mean."""

class _AggregateFunction3Required(TypedDict):
    min: str

class AggregateFunction3(_AggregateFunction3Required, total=False):
    """The smallest value."""

class _AggregateFunction4Required(TypedDict):
    max: str

class AggregateFunction4(_AggregateFunction4Required, total=False):
    """The largest value."""

class _AggregateFunction5Required(TypedDict):
    first: str

class AggregateFunction5(_AggregateFunction5Required, total=False):
    """The value of the first row."""

class _AggregateFunction6Required(TypedDict):
    list: str

class AggregateFunction6(_AggregateFunction6Required, total=False):
    """All values."""

class AggregateConfig(TypedDict, total=False):
    """The groups, and their figures."""

    by: Sequence[str]
    """The columns, of any type, that rows of a group agree in. Two nulls agree. Without columns, all rows are one group. By default []."""
    figures: Mapping[
        str,
        Literal["count"]
        | AggregateFunction
        | AggregateFunction1
        | AggregateFunction2
        | AggregateFunction3
        | AggregateFunction4
        | AggregateFunction5
        | AggregateFunction6,
    ]
    """The columns to write, in this order: for each its name, and `"count"` or `{ FUNCTION = "COLUMN" }`. The functions are `count`, `sum`, `mean`, `min`, `max`, `first` and `list`. By default {}."""
    lists: bool | Sequence[str]
    """Columns to gather into lists under their own names, beside `figures`: their names, or `true` for all that are neither in `by` nor names of figures. A group of rows becomes one row of lists. By default False."""
    beside: bool
    """Keeps all rows, with the figures of their group beside their columns. Otherwise one row for each group goes on. By default False."""

class _AssertConfigRequired(TypedDict):
    rules: Mapping[str, str]
    """Name to condition, in CEL syntax, that must be true of every row: `{ has_text = "size(text) > 0", known = "lang in ['en', 'no']" }`."""

class AssertConfig(_AssertConfigRequired, total=False):
    """The rules, and what happens to rows that break one."""

    broken: Literal["reject", "report"]
    """What to do with a row that breaks a rule: `reject` it, which ends the run unless the step has `on_error = "reject"`; or `report` it, and let it go on. By default 'reject'."""

class _ComputeConfigRequired(TypedDict):
    set: Mapping[str, str]
    """Column to expression, in CEL syntax: `{ key = "lower(text)", score = "a * b", dump = "'CC-23'" }`. An expression reads the columns as they come in; a column that is there already is replaced."""

class ComputeConfig(_ComputeConfigRequired, total=False):
    """What is computed."""

class _ExactDedupExtremeRequired(TypedDict):
    max: str
    """The column with the value."""

class ExactDedupExtreme(_ExactDedupExtremeRequired, total=False):
    """By a value."""

class ExactDedupKey(TypedDict, total=False):
    """What makes texts equal that are not the same. With any of it, the bundled step is the pipeline `with-key.toml`, of which this component is a step without it."""

    lowercase: bool
    """Upper and lower case are equal, by way of upper case: ς is σ, and ß is ss. By default False."""
    letters_only: bool
    """Letters alone are compared: no white space, digits or punctuation. A text without letters is compared as it is. By default False."""
    normalise: bool
    """Characters that Unicode takes for the same (its form NFKC) are equal, and so is all white space; none counts at the ends. By default False."""

class ExactDedupConfig(TypedDict, total=False):
    """What makes two rows equal, and which of them stays."""

    columns: Sequence[str]
    """The columns to compare, of any type. Two nulls are equal. By default ['text']."""
    keep: Literal["first", "last"] | ExactDedupExtreme
    """Which of equal rows stays: `"first"`, `"last"`, or `{ max = "COLUMN" }`, the one with the largest value in a column (the first of those; nulls count least). By default 'first'."""
    key: ExactDedupKey
    """What makes texts equal that are not the same. They are compared so, and not changed. Columns of text alone can be compared then. By default {'lowercase': False, 'letters_only': False, 'normalise': False}."""

class _FilterConfigRequired(TypedDict):
    where: str
    """The condition, in CEL syntax, that is true for the rows to keep: `n_words >= 20 && language == "en"`."""

class FilterConfig(_FilterConfigRequired, total=False):
    """Which rows are kept."""

class _JoinConfigRequired(TypedDict):
    on: Sequence[str]
    """The columns of the first input to join by, of any type."""

class JoinConfig(_JoinConfigRequired, total=False):
    """What is joined, and how."""

    right_on: Sequence[str] | None
    """What they are called in the second input, if not the same."""
    how: Literal["inner", "left", "semi", "anti"]
    """`inner` and `left` put matching rows of the second input beside those of the first, and `left` keeps rows without a match; `semi` keeps the rows with a match, `anti` those without. By default 'inner'."""
    columns: Sequence[str] | None
    """The columns of the second input to take. All but its keys, unless this is set."""
    prefix: str
    """Stands before the name of a column that the first input has, too. By default ''."""
    suffix: str
    """Stands behind such a name. By default '_right'."""
    nulls_equal: bool
    """Lets null match null. By default False."""

class _JudgeConfigRequired(TypedDict):
    model: str
    """The model, by the server's name for it."""
    rubric: str
    """`helpfulness`, `honesty`, `instruction-following`, `truthfulness` and `overall` (UltraFeedback), `complexity` and `quality` (DEITA), `absolute` and `relative` (Prometheus)."""

class JudgeConfig(_JudgeConfigRequired, total=False):
    """What is judged, by which rubric, and who judges."""

    criteria: str | None
    """What is graded by, for `absolute` and `relative`: what each grade means, say."""
    prompt: str | None
    """Another prompt for the rubric: a template over `instruction`, `texts` (or `text`), `criteria`, `reference` and columns."""
    system: str | None
    """What the model is to be: a template over columns."""
    instruction: str
    """The column of what was asked. By default 'instruction'."""
    texts: str | None
    """The column of the text that is judged (`absolute`), or of a list of them (all others)."""
    reference: str | None
    """A column of very good answers, for `absolute` and `relative`."""
    api: Literal["openai-chat", "openai-responses", "anthropic"]
    """The protocol that the server speaks."""
    url: str | None
    """The server, without the protocol's path: `http://localhost:8080/v1`. By default the one whose protocol it is."""
    temperature: float | None
    """How much chance there is in a judgement: 0 to 2."""
    top_p: float | None
    """The share of likely tokens that a judgement is drawn from: 0 to 1."""
    max_tokens: int | None
    """The most tokens of a judgement; `anthropic` wants a limit, which is 1024 by default."""
    seed: int | None
    """Makes judgements the same again where a server can (`openai-chat`)."""
    parameters: Mapping[str, Any]
    """What else the server is given, as it is. By default {}."""
    headers: Mapping[str, str]
    """Headers of each request. Keys belong to `grant.secret`. By default {}."""
    repairs: int
    """How often a model is shown what is wrong with the form of its judgement, and asked again. By default 2."""

class LanguageIdConfig(TypedDict, total=False):
    """Which text, and which languages it may be in."""

    column: str
    """The text column. By default 'text'."""
    languages: Sequence[str]
    """The codes of the languages to choose from, such as `["en", "de"]`; if empty, all known languages. By default []."""

class MinhashDedupConfig(TypedDict, total=False):
    """What makes two texts near-duplicates, and what happens to them."""

    column: str
    """The text column. By default 'text'."""
    ngram: int
    """Words in a shingle. A shorter text is one shingle. By default 5."""
    lowercase: bool
    """Compares texts in lower case; the texts themselves are not changed. By default False."""
    threshold: float | None
    """The Jaccard index at which two texts are near-duplicates, above 0 and at most 1. By default 0.8, or, if `bands` and `rows` are given, the similarity at which these begin to find pairs."""
    permutations: int
    """The length of a signature: longer ones find near-duplicates more reliably, and take 2 bytes per row each. By default 128."""
    bands: int | None
    """Bands in a signature; requires `rows`. By default both are chosen from `threshold`, to find 99.5 % of the pairs that are exactly that similar."""
    rows: int | None
    """Rows in a band; requires `bands`."""
    seed: int
    """The seed of the permutations. By default 0."""
    verify: Literal["shingles", "signature"]
    """How candidates are compared: by their shingles, or by their signatures, which take less room for long texts. By default 'shingles'."""
    keep: Literal["first", "longest", "all"]
    """Which rows to keep: the first or the longest of each cluster, or all. By default 'first'."""
    cluster: str | None
    """A column to write: the number of the first row of the row's cluster in this step's input, from 0."""
    size: str | None
    """A column to write: the number of rows in the row's cluster."""

class NormaliseConfig(TypedDict, total=False):
    """What is made equal."""

    column: str
    """The text column to rewrite. By default 'text'."""
    unicode: Literal["none", "nfc", "nfkc"]
    """The Unicode normalization form: `nfc` composes characters, `nfkc` also replaces compatibility characters (ligatures, full-width letters). By default 'none'."""
    lowercase: bool
    """Converts letters to lower case. By default False."""
    whitespace: Literal["keep", "collapse"]
    """`collapse` replaces each run of Unicode white space with one space and trims both ends. By default 'keep'."""

class SampleConfig(TypedDict, total=False):
    """How large a sample, and of what."""

    rows: int | None
    """The number of rows, or all if there are fewer. Either this or `fraction`."""
    fraction: float | None
    """The share of the rows, from 0 to 1, rounded to a whole row. Either this or `rows`."""
    seed: int
    """The seed: the same seed gives the same sample. By default 0."""
    by: str | Sequence[str] | None
    """A column to stratify by, or a list of columns: `rows` or `fraction` then applies to each of their values (null is one of them)."""
    weight: str | None
    """A column of numbers, 0 or more: a row of twice the weight is twice as likely to be chosen next. Rows of weight 0 are not chosen."""

class _SamplerConfigRequired(TypedDict):
    rows: int
    """How many rows."""

class _SamplerSamplerCategoryRequired(TypedDict):
    values: Sequence[Any]
    """The values."""

class SamplerSamplerCategory(_SamplerSamplerCategoryRequired, total=False):
    weights: Sequence[float] | None
    """How likely each is, relative to the others; by default they are equally likely."""

class _SamplerSamplerRequired(TypedDict):
    category: SamplerSamplerCategory

class SamplerSampler(_SamplerSamplerRequired, total=False):
    """One of several values: all of them text, integers, numbers or booleans."""

class _SamplerChoicesRequired(TypedDict):
    values: Sequence[Any]
    """The values."""

class SamplerChoices(_SamplerChoicesRequired, total=False):
    """The choices for a value of another column."""

    weights: Sequence[float] | None
    """How likely each is, relative to the others."""

class _SamplerSampler1SubcategoryRequired(TypedDict):
    of: str
    """The other column: a category or subcategory."""
    choices: Mapping[str, SamplerChoices]
    """The choices for each value of that column."""

class SamplerSampler1Subcategory(_SamplerSampler1SubcategoryRequired, total=False):
    pass

class _SamplerSampler1Required(TypedDict):
    subcategory: SamplerSampler1Subcategory

class SamplerSampler1(_SamplerSampler1Required, total=False):
    """One of several values that depend on another column."""

class _SamplerSampler2Required(TypedDict):
    integer: Mapping[str, Any]

class SamplerSampler2(_SamplerSampler2Required, total=False):
    """An integer, each as likely as the others."""

class _SamplerSampler3Required(TypedDict):
    uniform: Mapping[str, Any]

class SamplerSampler3(_SamplerSampler3Required, total=False):
    """A number, each as likely as the others."""

class _SamplerSampler4NormalRequired(TypedDict):
    mean: float
    """The mean."""
    deviation: float
    """The standard deviation."""

class SamplerSampler4Normal(_SamplerSampler4NormalRequired, total=False):
    min: float | None
    """Smaller ones become this one."""
    max: float | None
    """Larger ones become this one."""
    decimals: int | None
    """Digits behind the point that it is rounded to."""

class _SamplerSampler4Required(TypedDict):
    normal: SamplerSampler4Normal

class SamplerSampler4(_SamplerSampler4Required, total=False):
    """A number of the normal distribution."""

class _SamplerSampler5Required(TypedDict):
    date: Mapping[str, Any]

class SamplerSampler5(_SamplerSampler5Required, total=False):
    """A date, each as likely as the others."""

class _SamplerSampler6Required(TypedDict):
    uuid: Mapping[str, Any]

class SamplerSampler6(_SamplerSampler6Required, total=False):
    """A random UUID, as text."""

class _SamplerSeedRowsRequired(TypedDict):
    path: str
    """A file of JSON lines that `grant.files` names."""
    columns: Sequence[str]
    """The columns that are taken, as text: what is not a string becomes JSON text, what is not there null."""

class SamplerSeedRows(_SamplerSeedRowsRequired, total=False):
    """A file of seed rows."""

    order: Literal["in-turn", "random"]
    """`in-turn` takes one row after another, and begins again behind the last; `random` draws each."""

class SamplerConfig(_SamplerConfigRequired, total=False):
    """Which rows are made."""

    seed: int
    """Other rows for another number; the same ones for the same. By default 0."""
    columns: Mapping[
        str,
        SamplerSampler
        | SamplerSampler1
        | SamplerSampler2
        | SamplerSampler3
        | SamplerSampler4
        | SamplerSampler5
        | SamplerSampler6,
    ]
    """Columns by name, each with what its values are drawn from: `{ topic = { category = { values = ["law", "art"] } } }`."""
    seed_rows: SamplerSeedRows | None
    """Columns of a file of seed rows."""

class SelectConfig(TypedDict, total=False):
    """Which columns go on, and under which names. All names are those of the input."""

    keep: Sequence[str] | None
    """The columns to keep besides the renamed ones; by default all."""
    drop: Sequence[str]
    """The columns to drop. By default []."""
    rename: Mapping[str, str]
    """Columns to rename: `{ old = "new" }`. By default {}."""

class SemanticDedupConfig(TypedDict, total=False):
    """Which rows are near-duplicates, and which of them stay."""

    column: str
    """The column of vectors, as `embed` writes them. By default 'embedding'."""
    threshold: float
    """The cosine of two vectors from which their rows are near-duplicates, above 0 and at most 1. By default 0.95."""
    keep: Literal["first", "nearest", "furthest", "all"]
    """Which row stays: the first, or the one nearest to the centroid of its cluster, or furthest from it; or all. By default 'first'."""
    clusters: int | None
    """How many clusters there are. Rows of different clusters are not compared: fewer clusters find more pairs, and take longer. By default the root of half the number of rows, and one cluster for fewer than 4,000."""
    sample: int | None
    """Rows that the centroids are fitted on; by default 16 for each cluster, and at least 16,384."""
    seed: int
    """The seed by which that sample is drawn. By default 0."""
    cluster: str | None
    """A column to write: the number, in this step's input from 0, of the row that stays of those that are alike."""
    size: str | None
    """A column to write: how many rows are alike."""

class _SortOrderedRequired(TypedDict):
    column: str
    """The column's name."""

class SortOrdered(_SortOrderedRequired, total=False):
    descending: bool
    """Sorts the largest value first. By default False."""
    nulls: Literal["first", "last"]
    """Where rows without a value stand, in either direction."""

class _SortConfigRequired(TypedDict):
    by: Sequence[str | SortOrdered]
    """The columns to sort by, the most significant first: a name, or `{ column = "NAME", descending = true, nulls = "first" }`. The sort is stable."""

class SortConfig(_SortConfigRequired, total=False):
    """What the rows are sorted by."""

    top: int | None
    """How many rows go on: the first in this order. All of them, unless this is set."""
    per: Sequence[str]
    """The columns of any type that make groups: rows are sorted within each group, and `top` applies to each. Groups follow one another in the order of their first rows in the input. By default []."""

class TextStatsConfig(TypedDict, total=False):
    """Which text is counted."""

    column: str
    """The text column. By default 'text'."""

@overload
def step(
    use: Literal["aggregate"],
    config: AggregateConfig | None = ...,
    *,
    name: str | None = ...,
    limits: Mapping[str, Any] | None = ...,
    grants: Mapping[str, Any] | None = ...,
    columns: Mapping[str, str] | None = ...,
    on_error: str | None = ...,
    retries: int | None = ...,
    replicas: int | None = ...,
    needs: Mapping[str, Any] | None = ...,
    max_rejects: int | str | None = ...,
    stats: bool | None = ...,
) -> StepSpec:
    """Counts, sums, extremes, means and lists of the rows of each group."""

@overload
def step(
    use: Literal["assert"],
    config: AssertConfig,
    *,
    name: str | None = ...,
    limits: Mapping[str, Any] | None = ...,
    grants: Mapping[str, Any] | None = ...,
    columns: Mapping[str, str] | None = ...,
    on_error: str | None = ...,
    retries: int | None = ...,
    replicas: int | None = ...,
    needs: Mapping[str, Any] | None = ...,
    max_rejects: int | str | None = ...,
    stats: bool | None = ...,
) -> StepSpec:
    """Checks rules that every row must obey."""

@overload
def step(
    use: Literal["cluster"],
    config: Mapping[str, Any] | None = ...,
    *,
    name: str | None = ...,
    limits: Mapping[str, Any] | None = ...,
    grants: Mapping[str, Any] | None = ...,
    columns: Mapping[str, str] | None = ...,
    on_error: str | None = ...,
    retries: int | None = ...,
    replicas: int | None = ...,
    needs: Mapping[str, Any] | None = ...,
    max_rejects: int | str | None = ...,
    stats: bool | None = ...,
) -> StepSpec:
    """Adds the cluster that a vector is in, by k-means."""

@overload
def step(
    use: Literal["compute"],
    config: ComputeConfig,
    *,
    name: str | None = ...,
    limits: Mapping[str, Any] | None = ...,
    grants: Mapping[str, Any] | None = ...,
    columns: Mapping[str, str] | None = ...,
    on_error: str | None = ...,
    retries: int | None = ...,
    replicas: int | None = ...,
    needs: Mapping[str, Any] | None = ...,
    max_rejects: int | str | None = ...,
    stats: bool | None = ...,
) -> StepSpec:
    """Sets columns to the values of expressions."""

@overload
def step(
    use: Literal["contamination"],
    config: Mapping[str, Any] | None = ...,
    *,
    name: str | None = ...,
    limits: Mapping[str, Any] | None = ...,
    grants: Mapping[str, Any] | None = ...,
    columns: Mapping[str, str] | None = ...,
    on_error: str | None = ...,
    retries: int | None = ...,
    replicas: int | None = ...,
    needs: Mapping[str, Any] | None = ...,
    max_rejects: int | str | None = ...,
    stats: bool | None = ...,
) -> StepSpec:
    """Drops or flags texts that share runs of words with a second input, such as evaluation sets."""

@overload
def step(
    use: Literal["embed"],
    config: Mapping[str, Any],
    *,
    name: str | None = ...,
    limits: Mapping[str, Any] | None = ...,
    grants: Mapping[str, Any] | None = ...,
    columns: Mapping[str, str] | None = ...,
    on_error: str | None = ...,
    retries: int | None = ...,
    replicas: int | None = ...,
    needs: Mapping[str, Any] | None = ...,
    max_rejects: int | str | None = ...,
    stats: bool | None = ...,
) -> StepSpec:
    """Adds vectors of texts: embeddings from a server, or from a model inside the step."""

@overload
def step(
    use: Literal["exact-dedup"],
    config: ExactDedupConfig | None = ...,
    *,
    name: str | None = ...,
    limits: Mapping[str, Any] | None = ...,
    grants: Mapping[str, Any] | None = ...,
    columns: Mapping[str, str] | None = ...,
    on_error: str | None = ...,
    retries: int | None = ...,
    replicas: int | None = ...,
    needs: Mapping[str, Any] | None = ...,
    max_rejects: int | str | None = ...,
    stats: bool | None = ...,
) -> StepSpec:
    """Keeps one row of each distinct value of one or more columns."""

@overload
def step(
    use: Literal["explode"],
    config: Mapping[str, Any] | None = ...,
    *,
    name: str | None = ...,
    limits: Mapping[str, Any] | None = ...,
    grants: Mapping[str, Any] | None = ...,
    columns: Mapping[str, str] | None = ...,
    on_error: str | None = ...,
    retries: int | None = ...,
    replicas: int | None = ...,
    needs: Mapping[str, Any] | None = ...,
    max_rejects: int | str | None = ...,
    stats: bool | None = ...,
) -> StepSpec:
    """Makes a row of each item of a list column."""

@overload
def step(
    use: Literal["fasttext"],
    config: Mapping[str, Any],
    *,
    name: str | None = ...,
    limits: Mapping[str, Any] | None = ...,
    grants: Mapping[str, Any] | None = ...,
    columns: Mapping[str, str] | None = ...,
    on_error: str | None = ...,
    retries: int | None = ...,
    replicas: int | None = ...,
    needs: Mapping[str, Any] | None = ...,
    max_rejects: int | str | None = ...,
    stats: bool | None = ...,
) -> StepSpec:
    """Adds labels of texts by a fastText model: languages, quality, topics."""

@overload
def step(
    use: Literal["filter"],
    config: FilterConfig,
    *,
    name: str | None = ...,
    limits: Mapping[str, Any] | None = ...,
    grants: Mapping[str, Any] | None = ...,
    columns: Mapping[str, str] | None = ...,
    on_error: str | None = ...,
    retries: int | None = ...,
    replicas: int | None = ...,
    needs: Mapping[str, Any] | None = ...,
    max_rejects: int | str | None = ...,
    stats: bool | None = ...,
) -> StepSpec:
    """Keeps the rows for which a condition is true."""

@overload
def step(
    use: Literal["hash"],
    config: Mapping[str, Any] | None = ...,
    *,
    name: str | None = ...,
    limits: Mapping[str, Any] | None = ...,
    grants: Mapping[str, Any] | None = ...,
    columns: Mapping[str, str] | None = ...,
    on_error: str | None = ...,
    retries: int | None = ...,
    replicas: int | None = ...,
    needs: Mapping[str, Any] | None = ...,
    max_rejects: int | str | None = ...,
    stats: bool | None = ...,
) -> StepSpec:
    """Adds the hash of a column, in hexadecimal."""

@overload
def step(
    use: Literal["join"],
    config: JoinConfig,
    *,
    name: str | None = ...,
    limits: Mapping[str, Any] | None = ...,
    grants: Mapping[str, Any] | None = ...,
    columns: Mapping[str, str] | None = ...,
    on_error: str | None = ...,
    retries: int | None = ...,
    replicas: int | None = ...,
    needs: Mapping[str, Any] | None = ...,
    max_rejects: int | str | None = ...,
    stats: bool | None = ...,
) -> StepSpec:
    """Joins the rows with those of a second input by key: inner, left, semi or anti."""

@overload
def step(
    use: Literal["judge"],
    config: JudgeConfig,
    *,
    name: str | None = ...,
    limits: Mapping[str, Any] | None = ...,
    grants: Mapping[str, Any] | None = ...,
    columns: Mapping[str, str] | None = ...,
    on_error: str | None = ...,
    retries: int | None = ...,
    replicas: int | None = ...,
    needs: Mapping[str, Any] | None = ...,
    max_rejects: int | str | None = ...,
    stats: bool | None = ...,
) -> StepSpec:
    """Has a model rate texts by a rubric, or choose the better of two."""

@overload
def step(
    use: Literal["language-id"],
    config: LanguageIdConfig | None = ...,
    *,
    name: str | None = ...,
    limits: Mapping[str, Any] | None = ...,
    grants: Mapping[str, Any] | None = ...,
    columns: Mapping[str, str] | None = ...,
    on_error: str | None = ...,
    retries: int | None = ...,
    replicas: int | None = ...,
    needs: Mapping[str, Any] | None = ...,
    max_rejects: int | str | None = ...,
    stats: bool | None = ...,
) -> StepSpec:
    """Adds the language that a text is written in."""

@overload
def step(
    use: Literal["llm"],
    config: Mapping[str, Any],
    *,
    name: str | None = ...,
    limits: Mapping[str, Any] | None = ...,
    grants: Mapping[str, Any] | None = ...,
    columns: Mapping[str, str] | None = ...,
    on_error: str | None = ...,
    retries: int | None = ...,
    replicas: int | None = ...,
    needs: Mapping[str, Any] | None = ...,
    max_rejects: int | str | None = ...,
    stats: bool | None = ...,
) -> StepSpec:
    """Asks a model about each row."""

@overload
def step(
    use: Literal["minhash-dedup"],
    config: MinhashDedupConfig | None = ...,
    *,
    name: str | None = ...,
    limits: Mapping[str, Any] | None = ...,
    grants: Mapping[str, Any] | None = ...,
    columns: Mapping[str, str] | None = ...,
    on_error: str | None = ...,
    retries: int | None = ...,
    replicas: int | None = ...,
    needs: Mapping[str, Any] | None = ...,
    max_rejects: int | str | None = ...,
    stats: bool | None = ...,
) -> StepSpec:
    """Keeps the first row of each cluster of near-duplicate texts."""

@overload
def step(
    use: Literal["normalise"],
    config: NormaliseConfig | None = ...,
    *,
    name: str | None = ...,
    limits: Mapping[str, Any] | None = ...,
    grants: Mapping[str, Any] | None = ...,
    columns: Mapping[str, str] | None = ...,
    on_error: str | None = ...,
    retries: int | None = ...,
    replicas: int | None = ...,
    needs: Mapping[str, Any] | None = ...,
    max_rejects: int | str | None = ...,
    stats: bool | None = ...,
) -> StepSpec:
    """Normalises the Unicode form, case and white space of a text column."""

@overload
def step(
    use: Literal["quality"],
    config: Mapping[str, Any] | None = ...,
    *,
    name: str | None = ...,
    limits: Mapping[str, Any] | None = ...,
    grants: Mapping[str, Any] | None = ...,
    columns: Mapping[str, str] | None = ...,
    on_error: str | None = ...,
    retries: int | None = ...,
    replicas: int | None = ...,
    needs: Mapping[str, Any] | None = ...,
    max_rejects: int | str | None = ...,
    stats: bool | None = ...,
) -> StepSpec:
    """Drops or flags texts that fail the heuristics of Gopher and C4."""

@overload
def step(
    use: Literal["sample"],
    config: SampleConfig | None = ...,
    *,
    name: str | None = ...,
    limits: Mapping[str, Any] | None = ...,
    grants: Mapping[str, Any] | None = ...,
    columns: Mapping[str, str] | None = ...,
    on_error: str | None = ...,
    retries: int | None = ...,
    replicas: int | None = ...,
    needs: Mapping[str, Any] | None = ...,
    max_rejects: int | str | None = ...,
    stats: bool | None = ...,
) -> StepSpec:
    """Keeps a random sample of the rows, the same for the same seed."""

@overload
def step(
    use: Literal["sampler"],
    config: SamplerConfig,
    *,
    name: str | None = ...,
    limits: Mapping[str, Any] | None = ...,
    grants: Mapping[str, Any] | None = ...,
    columns: Mapping[str, str] | None = ...,
    on_error: str | None = ...,
    retries: int | None = ...,
    replicas: int | None = ...,
    needs: Mapping[str, Any] | None = ...,
    max_rejects: int | str | None = ...,
    stats: bool | None = ...,
) -> StepSpec:
    """Makes rows by chance: categories, numbers, dates, rows of a seed file."""

@overload
def step(
    use: Literal["select"],
    config: SelectConfig | None = ...,
    *,
    name: str | None = ...,
    limits: Mapping[str, Any] | None = ...,
    grants: Mapping[str, Any] | None = ...,
    columns: Mapping[str, str] | None = ...,
    on_error: str | None = ...,
    retries: int | None = ...,
    replicas: int | None = ...,
    needs: Mapping[str, Any] | None = ...,
    max_rejects: int | str | None = ...,
    stats: bool | None = ...,
) -> StepSpec:
    """Keeps, drops and renames columns."""

@overload
def step(
    use: Literal["semantic-dedup"],
    config: SemanticDedupConfig | None = ...,
    *,
    name: str | None = ...,
    limits: Mapping[str, Any] | None = ...,
    grants: Mapping[str, Any] | None = ...,
    columns: Mapping[str, str] | None = ...,
    on_error: str | None = ...,
    retries: int | None = ...,
    replicas: int | None = ...,
    needs: Mapping[str, Any] | None = ...,
    max_rejects: int | str | None = ...,
    stats: bool | None = ...,
) -> StepSpec:
    """Keeps one of the rows whose vectors are nearly equal."""

@overload
def step(
    use: Literal["sort"],
    config: SortConfig,
    *,
    name: str | None = ...,
    limits: Mapping[str, Any] | None = ...,
    grants: Mapping[str, Any] | None = ...,
    columns: Mapping[str, str] | None = ...,
    on_error: str | None = ...,
    retries: int | None = ...,
    replicas: int | None = ...,
    needs: Mapping[str, Any] | None = ...,
    max_rejects: int | str | None = ...,
    stats: bool | None = ...,
) -> StepSpec:
    """Sorts the rows by one or more columns."""

@overload
def step(
    use: Literal["split"],
    config: Mapping[str, Any],
    *,
    name: str | None = ...,
    limits: Mapping[str, Any] | None = ...,
    grants: Mapping[str, Any] | None = ...,
    columns: Mapping[str, str] | None = ...,
    on_error: str | None = ...,
    retries: int | None = ...,
    replicas: int | None = ...,
    needs: Mapping[str, Any] | None = ...,
    max_rejects: int | str | None = ...,
    stats: bool | None = ...,
) -> StepSpec:
    """Divides rows into named parts, such as train, validation and test, by the hash of a key."""

@overload
def step(
    use: Literal["text-stats"],
    config: TextStatsConfig | None = ...,
    *,
    name: str | None = ...,
    limits: Mapping[str, Any] | None = ...,
    grants: Mapping[str, Any] | None = ...,
    columns: Mapping[str, str] | None = ...,
    on_error: str | None = ...,
    retries: int | None = ...,
    replicas: int | None = ...,
    needs: Mapping[str, Any] | None = ...,
    max_rejects: int | str | None = ...,
    stats: bool | None = ...,
) -> StepSpec:
    """Adds the number of words and characters of a text column."""

@overload
def step(  # type: ignore[overload-overlap]
    use: Literal[
        "aggregate",
        "assert",
        "cluster",
        "compute",
        "contamination",
        "embed",
        "exact-dedup",
        "explode",
        "fasttext",
        "filter",
        "hash",
        "join",
        "judge",
        "language-id",
        "llm",
        "minhash-dedup",
        "normalise",
        "quality",
        "sample",
        "sampler",
        "select",
        "semantic-dedup",
        "sort",
        "split",
        "text-stats",
    ],
    config: object = ...,
    *,
    name: str | None = ...,
    limits: Mapping[str, Any] | None = ...,
    grants: Mapping[str, Any] | None = ...,
    columns: Mapping[str, str] | None = ...,
    on_error: str | None = ...,
    retries: int | None = ...,
    replicas: int | None = ...,
    needs: Mapping[str, Any] | None = ...,
    max_rejects: int | str | None = ...,
    stats: bool | None = ...,
) -> WrongConfiguration: ...
@overload
def step(
    use: str | PathLike[str],
    config: Mapping[str, Any] | None = ...,
    *,
    name: str | None = ...,
    limits: Mapping[str, Any] | None = ...,
    grants: Mapping[str, Any] | None = ...,
    columns: Mapping[str, str] | None = ...,
    on_error: str | None = ...,
    retries: int | None = ...,
    replicas: int | None = ...,
    needs: Mapping[str, Any] | None = ...,
    max_rejects: int | str | None = ...,
    stats: bool | None = ...,
) -> StepSpec: ...

class Step(_Step):
    @overload
    def __init__(
        self,
        use: Literal["aggregate"],
        config: AggregateConfig | None = ...,
        *,
        name: str | None = ...,
        limits: Mapping[str, Any] | None = ...,
        grants: Mapping[str, Any] | None = ...,
        columns: Mapping[str, str] | None = ...,
        on_error: str = ...,
        retries: int | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        use: Literal["assert"],
        config: AssertConfig,
        *,
        name: str | None = ...,
        limits: Mapping[str, Any] | None = ...,
        grants: Mapping[str, Any] | None = ...,
        columns: Mapping[str, str] | None = ...,
        on_error: str = ...,
        retries: int | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        use: Literal["cluster"],
        config: Mapping[str, Any] | None = ...,
        *,
        name: str | None = ...,
        limits: Mapping[str, Any] | None = ...,
        grants: Mapping[str, Any] | None = ...,
        columns: Mapping[str, str] | None = ...,
        on_error: str = ...,
        retries: int | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        use: Literal["compute"],
        config: ComputeConfig,
        *,
        name: str | None = ...,
        limits: Mapping[str, Any] | None = ...,
        grants: Mapping[str, Any] | None = ...,
        columns: Mapping[str, str] | None = ...,
        on_error: str = ...,
        retries: int | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        use: Literal["contamination"],
        config: Mapping[str, Any] | None = ...,
        *,
        name: str | None = ...,
        limits: Mapping[str, Any] | None = ...,
        grants: Mapping[str, Any] | None = ...,
        columns: Mapping[str, str] | None = ...,
        on_error: str = ...,
        retries: int | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        use: Literal["embed"],
        config: Mapping[str, Any],
        *,
        name: str | None = ...,
        limits: Mapping[str, Any] | None = ...,
        grants: Mapping[str, Any] | None = ...,
        columns: Mapping[str, str] | None = ...,
        on_error: str = ...,
        retries: int | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        use: Literal["exact-dedup"],
        config: ExactDedupConfig | None = ...,
        *,
        name: str | None = ...,
        limits: Mapping[str, Any] | None = ...,
        grants: Mapping[str, Any] | None = ...,
        columns: Mapping[str, str] | None = ...,
        on_error: str = ...,
        retries: int | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        use: Literal["explode"],
        config: Mapping[str, Any] | None = ...,
        *,
        name: str | None = ...,
        limits: Mapping[str, Any] | None = ...,
        grants: Mapping[str, Any] | None = ...,
        columns: Mapping[str, str] | None = ...,
        on_error: str = ...,
        retries: int | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        use: Literal["fasttext"],
        config: Mapping[str, Any],
        *,
        name: str | None = ...,
        limits: Mapping[str, Any] | None = ...,
        grants: Mapping[str, Any] | None = ...,
        columns: Mapping[str, str] | None = ...,
        on_error: str = ...,
        retries: int | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        use: Literal["filter"],
        config: FilterConfig,
        *,
        name: str | None = ...,
        limits: Mapping[str, Any] | None = ...,
        grants: Mapping[str, Any] | None = ...,
        columns: Mapping[str, str] | None = ...,
        on_error: str = ...,
        retries: int | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        use: Literal["hash"],
        config: Mapping[str, Any] | None = ...,
        *,
        name: str | None = ...,
        limits: Mapping[str, Any] | None = ...,
        grants: Mapping[str, Any] | None = ...,
        columns: Mapping[str, str] | None = ...,
        on_error: str = ...,
        retries: int | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        use: Literal["join"],
        config: JoinConfig,
        *,
        name: str | None = ...,
        limits: Mapping[str, Any] | None = ...,
        grants: Mapping[str, Any] | None = ...,
        columns: Mapping[str, str] | None = ...,
        on_error: str = ...,
        retries: int | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        use: Literal["judge"],
        config: JudgeConfig,
        *,
        name: str | None = ...,
        limits: Mapping[str, Any] | None = ...,
        grants: Mapping[str, Any] | None = ...,
        columns: Mapping[str, str] | None = ...,
        on_error: str = ...,
        retries: int | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        use: Literal["language-id"],
        config: LanguageIdConfig | None = ...,
        *,
        name: str | None = ...,
        limits: Mapping[str, Any] | None = ...,
        grants: Mapping[str, Any] | None = ...,
        columns: Mapping[str, str] | None = ...,
        on_error: str = ...,
        retries: int | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        use: Literal["llm"],
        config: Mapping[str, Any],
        *,
        name: str | None = ...,
        limits: Mapping[str, Any] | None = ...,
        grants: Mapping[str, Any] | None = ...,
        columns: Mapping[str, str] | None = ...,
        on_error: str = ...,
        retries: int | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        use: Literal["minhash-dedup"],
        config: MinhashDedupConfig | None = ...,
        *,
        name: str | None = ...,
        limits: Mapping[str, Any] | None = ...,
        grants: Mapping[str, Any] | None = ...,
        columns: Mapping[str, str] | None = ...,
        on_error: str = ...,
        retries: int | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        use: Literal["normalise"],
        config: NormaliseConfig | None = ...,
        *,
        name: str | None = ...,
        limits: Mapping[str, Any] | None = ...,
        grants: Mapping[str, Any] | None = ...,
        columns: Mapping[str, str] | None = ...,
        on_error: str = ...,
        retries: int | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        use: Literal["quality"],
        config: Mapping[str, Any] | None = ...,
        *,
        name: str | None = ...,
        limits: Mapping[str, Any] | None = ...,
        grants: Mapping[str, Any] | None = ...,
        columns: Mapping[str, str] | None = ...,
        on_error: str = ...,
        retries: int | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        use: Literal["sample"],
        config: SampleConfig | None = ...,
        *,
        name: str | None = ...,
        limits: Mapping[str, Any] | None = ...,
        grants: Mapping[str, Any] | None = ...,
        columns: Mapping[str, str] | None = ...,
        on_error: str = ...,
        retries: int | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        use: Literal["sampler"],
        config: SamplerConfig,
        *,
        name: str | None = ...,
        limits: Mapping[str, Any] | None = ...,
        grants: Mapping[str, Any] | None = ...,
        columns: Mapping[str, str] | None = ...,
        on_error: str = ...,
        retries: int | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        use: Literal["select"],
        config: SelectConfig | None = ...,
        *,
        name: str | None = ...,
        limits: Mapping[str, Any] | None = ...,
        grants: Mapping[str, Any] | None = ...,
        columns: Mapping[str, str] | None = ...,
        on_error: str = ...,
        retries: int | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        use: Literal["semantic-dedup"],
        config: SemanticDedupConfig | None = ...,
        *,
        name: str | None = ...,
        limits: Mapping[str, Any] | None = ...,
        grants: Mapping[str, Any] | None = ...,
        columns: Mapping[str, str] | None = ...,
        on_error: str = ...,
        retries: int | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        use: Literal["sort"],
        config: SortConfig,
        *,
        name: str | None = ...,
        limits: Mapping[str, Any] | None = ...,
        grants: Mapping[str, Any] | None = ...,
        columns: Mapping[str, str] | None = ...,
        on_error: str = ...,
        retries: int | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        use: Literal["split"],
        config: Mapping[str, Any],
        *,
        name: str | None = ...,
        limits: Mapping[str, Any] | None = ...,
        grants: Mapping[str, Any] | None = ...,
        columns: Mapping[str, str] | None = ...,
        on_error: str = ...,
        retries: int | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        use: Literal["text-stats"],
        config: TextStatsConfig | None = ...,
        *,
        name: str | None = ...,
        limits: Mapping[str, Any] | None = ...,
        grants: Mapping[str, Any] | None = ...,
        columns: Mapping[str, str] | None = ...,
        on_error: str = ...,
        retries: int | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        use: str | PathLike[str],
        config: Mapping[str, Any] | None = ...,
        *,
        name: str | None = ...,
        limits: Mapping[str, Any] | None = ...,
        grants: Mapping[str, Any] | None = ...,
        columns: Mapping[str, str] | None = ...,
        on_error: str = ...,
        retries: int | None = ...,
    ) -> None: ...
