package tests

import (
	"testing"

	"callboard"
	"callboard/callboardtest"
)

type Limits struct {
	Low  float64 `json:"low"`
	High uint    `json:"high"`
}

type Configured struct {
	_ callboard.About `version:"1.2.3" doc:"Says what it was given."`

	Column callboard.In[string]  `json:"column" column:"text" doc:"The column of text."`
	Others []callboard.In[int64] `json:"others"`
	Min    int                   `json:"min" minimum:"0" maximum:"9"`
	Mode   string                `json:"mode" enum:"fast,exact"`
	Words  []string              `json:"words"`
	Weight map[string]float64    `json:"weight"`
	Limits Limits                `json:"limits"`
	Seed   *int64                `json:"seed"`
	Fixed  callboard.In[int64]   `column:"fixed,optional"`
	Said   callboard.Out[string] `column:"said"`
	hidden int
}

func (c *Configured) Row(row callboard.Row) error {
	text := c.Column.Or(row, "nothing")
	for _, word := range c.Words {
		text += " " + word
	}
	c.Said.Set(text)
	return nil
}

func configured() {
	callboard.Transform(&Configured{Mode: "fast", Words: []string{"a", "b"}, Limits: Limits{High: 5}})
}

var someRows = one(`{"text": "x", "n": 1}`)

func TestConfigurationIsReadAndDefaultsStay(t *testing.T) {
	expect(t, configured, `{}`, someRows, `{"text":"x","n":1,"said":"x a b"}`)
	expect(t, configured, ``, someRows, `{"text":"x","n":1,"said":"x a b"}`)
	expect(t, configured, `{"words": ["z"], "seed": 3, "limits": {"high": 4}}`, someRows, `{"text":"x","n":1,"said":"x z"}`)
	expect(t, configured, `{"others": ["n"]}`, someRows, `{"text":"x","n":1,"said":"x a b"}`)
}

func TestOneInstanceDoesNotWriteIntoTheDefaults(t *testing.T) {
	step := &Configured{Mode: "fast", Words: []string{"a", "b"}}
	expect(t, transform(step), `{"words": ["z"]}`, someRows, `{"text":"x","n":1,"said":"x z"}`)
	expect(t, transform(step), `{}`, someRows, `{"text":"x","n":1,"said":"x a b"}`)
}

func TestWrongConfigurationNamesThePlace(t *testing.T) {
	for _, wrong := range []struct{ config, at, says string }{
		{`{"typo": 1}`, "/typo", "there is no key `typo`: the keys are `column`, `limits`, `min`"},
		{`{"limits": {"typo/~": 1}}`, "/limits/typo~1~0", "there is no key `typo/~`"},
		{`{"min": "a"}`, "/min", "a string, where an integer is wanted"},
		{`{"min": 1.5}`, "/min", "1.5, where an integer is wanted"},
		{`{"min": null}`, "/min", "null, where an integer is wanted"},
		{`{"min": -1}`, "/min", "-1 is less than 0"},
		{`{"min": 10}`, "/min", "10 is more than 9"},
		{`{"limits": {"high": -1}}`, "/limits/high", "-1, where an integer of 0 or more is wanted"},
		{`{"mode": "slow"}`, "/mode", "`slow` is none of `fast`, `exact`"},
		{`{"words": ["a", 1]}`, "/words/1", "a number, where a string is wanted"},
		{`{"words": true}`, "/words", "true, where a list is wanted"},
		{`{"weight": {"a": []}}`, "/weight/a", "a list, where a number is wanted"},
		{`{"column": 1}`, "/column", "a number, where a string is wanted"},
		{`{"column": "nope"}`, "/column", "there is no column `nope`"},
		{`{"column": "n"}`, "/column", "column `n` is no text"},
		{`{"others": ["n", "text"]}`, "/others/1", "column `text` is utf8, and is to be int64"},
		{`{"column": ""}`, "/column", "the name of a column must be given"},
		{`[]`, "", "a list, where an object is wanted"},
		{`{"min": `, "/min", "the configuration is no JSON"},
		{`{"min": 1, "min": 2}`, "/min", "duplicate"},
		{`{"Said": "x"}`, "/Said", "there is no key `Said`"},
		{`{"hidden": 1}`, "/hidden", "there is no key `hidden`"},
	} {
		t.Run(wrong.config, func(t *testing.T) {
			expectError(t, configured, wrong.config, someRows, callboard.BadConfig, wrong.at, wrong.says)
		})
	}
}

type Required struct {
	Model string `json:"model" required:"true"`
}

func (r *Required) Row(callboard.Row) error { return nil }

func TestRequiredKeysMustBeGiven(t *testing.T) {
	expectError(t, transform(&Required{}), `{}`, someRows, callboard.BadConfig, "/model", "`model` must be given")
}

func TestManifestComesFromTheStruct(t *testing.T) {
	manifest := callboardtest.Describe(configured)
	if manifest.Name != "configured" || manifest.Version != "1.2.3" || manifest.Summary != "Says what it was given." {
		t.Errorf("got %+v", manifest)
	}
	want := `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{` +
		`"column":{"type":"string","description":"The column of text.","default":"text"},` +
		`"limits":{"type":"object","properties":{"high":{"type":"integer","minimum":0,"default":5},"low":{"type":"number","default":0}},"additionalProperties":false},` +
		`"min":{"type":"integer","minimum":0,"maximum":9,"default":0},` +
		`"mode":{"type":"string","enum":["fast","exact"],"default":"fast"},` +
		`"others":{"type":"array","default":[],"items":{"type":"string"}},` +
		`"seed":{"type":"integer"},` +
		`"weight":{"type":"object","default":{},"additionalProperties":{"type":"number"}},` +
		`"words":{"type":"array","default":["a","b"],"items":{"type":"string"}}},"additionalProperties":false}`
	if manifest.ConfigSchema != want {
		t.Errorf("got  %s\nwant %s", manifest.ConfigSchema, want)
	}
}

type HTMLParserV2 struct{ Required }

func TestNamesAreSpelledWithHyphens(t *testing.T) {
	if name := callboardtest.Describe(transform(&HTMLParserV2{})).Name; name != "html-parser-v2" {
		t.Errorf("got %s", name)
	}
}
