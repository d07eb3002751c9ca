package tests

import (
	"fmt"
	"strings"
	"testing"

	"callboard"
	"callboard/callboardtest"
)

// Gathered does with groups what its configuration says.
type Gathered struct {
	Do     string                 `json:"do"`
	K      callboard.In[string]   `column:"k,drop"`
	V      callboard.In[float64]  `column:"v,drop"`
	Key    callboard.Out[string]  `column:"key,nullable"`
	Rows   callboard.Out[[]int64] `column:"rows"`
	Others callboard.Out[int64]   `column:"others"`
}

func (g *Gathered) Declare(shape *callboard.Shape) error {
	shape.Drops("tags")
	switch g.Do {
	case "all":
		shape.Gather(callboard.InOrder(callboard.Descending("v").NullsFirst(), callboard.Ascending("k")))
	case "each":
		shape.Gather(callboard.ByEach("tags"))
	case "nothing":
		shape.Gather(callboard.ByKey("nothing"))
	case "written":
		shape.Gather(callboard.ByKey("k").SortedBy(callboard.Descending("v")).AsWritten())
	case "ungrouped":
	default:
		shape.Gather(callboard.ByKey("k").Others("x").SortedBy(callboard.Descending("v")))
	}
	return nil
}

func (g *Gathered) Run(inputs []*callboard.Input, output *callboard.Writer) error {
	rows := inputs[0]
	others := map[uint32]int64{}
	for _, input := range inputs[1:] {
		for batch := range input.Batches() {
			for _, group := range batch.Groups() {
				others[group.Number] += int64(group.To - group.From)
			}
		}
	}
	switch g.Do {
	case "all":
		for row := range rows.Rows() {
			g.put(row, rows.Positions(row.Number(), 1), 0)
			output.Write()
		}
		return nil
	case "nowhere":
		output.Write()
	case "far":
		rows.Positions(1, 1000)
	}
	for group := range rows.Groups() {
		var places []uint64
		var first *callboard.Row
		for row := range group.Rows() {
			if first == nil {
				first = &row
			}
			places = append(places, rows.Positions(row.Number(), 1)...)
			if g.Do == "passed over" {
				break
			}
		}
		g.put(*first, places, others[group.Number])
		output.WriteAt(first.Number())
	}
	return nil
}

func (g *Gathered) put(row callboard.Row, places []uint64, others int64) {
	if key, ok := g.K.Get(row); ok {
		g.Key.Set(key)
	}
	numbers := []int64{}
	for _, place := range places {
		numbers = append(numbers, int64(place))
	}
	g.Rows.Set(numbers)
	g.Others.Set(others)
}

func TestGroups(t *testing.T) {
	var rows []string
	for i, key := range []string{`"a"`, `"b"`, "null", `"a"`, `"b"`, "null", `"a"`} {
		rows = append(rows, fmt.Sprintf(`{"k": %s, "v": %d.5, "tags": null}`, key, i))
	}
	run := func(do string, want ...string) {
		t.Helper()
		expect(t, global(&Gathered{}), `{"do": "`+do+`"}`, one(rows...), want...)
	}
	a, b, null := `{"key":"a","rows":[6,3,0],"others":0}`, `{"key":"b","rows":[4,1],"others":0}`, `{"key":null,"rows":[5,2],"others":0}`
	run("key", b, null, a)
	run("written", a, b, null)
	run("passed over", `{"key":"b","rows":[4],"others":0}`, `{"key":null,"rows":[5],"others":0}`, `{"key":"a","rows":[6],"others":0}`)
	expectError(t, global(&Gathered{}), `{"do": "nothing"}`, one(rows...), callboard.BadInput, "", "there is no column `nothing`")
	expectError(t, global(&Gathered{}), `{"do": "ungrouped"}`, one(rows...), callboard.Failed, "", "rows are not grouped", "gather_test.go:")
	expectError(t, global(&Gathered{}), `{"do": "nowhere"}`, one(rows...), callboard.Failed, "", "WriteAt and WriteColumnsAt name the row")
	expectError(t, global(&Gathered{}), `{"do": "far"}`, one(rows...), callboard.Failed, "", "there are no 1000 rows from 1 on: the input has 7")
}

func TestGroupsOfTwoInputs(t *testing.T) {
	rows := lines(`{"k": "a", "v": 0.0, "tags": null}`, `{"k": "b", "v": -0.0, "tags": null}`, `{"k": "a", "v": 1.0, "tags": null}`)
	others := lines(`{"x": "b"}`, `{"x": "c"}`, `{"x": "b"}`)
	expect(t, global(&Gathered{}), `{}`, []string{rows, others}, `{"key":"b","rows":[1],"others":2}`, `{"key":"a","rows":[2,0],"others":0}`)
}

func TestARowIsInAGroupForEachItem(t *testing.T) {
	rows := one(`{"k": "0", "v": 0.5, "tags": ["x", "y", "x"]}`, `{"k": "1", "v": 1.5, "tags": null}`, `{"k": "2", "v": 2.5, "tags": ["y"]}`,
		`{"k": "3", "v": 3.5, "tags": []}`, `{"k": "4", "v": 4.5, "tags": ["z", "y"]}`)
	expect(t, global(&Gathered{}), `{"do": "each"}`, rows, `{"key":"0","rows":[0],"others":0}`, `{"key":"0","rows":[0,2,4],"others":0}`, `{"key":"4","rows":[4],"others":0}`)
}

func TestAllRowsInOrder(t *testing.T) {
	var rows, want []string
	for i, value := range []string{"1.5", "null", "7.25", "-0.0", "0.0", "null"} {
		rows = append(rows, fmt.Sprintf(`{"k": %q, "v": %s, "tags": null}`, "abdcbA"[i:i+1], value))
	}
	for _, i := range []int{5, 1, 2, 0, 4, 3} {
		want = append(want, fmt.Sprintf(`{"key":%q,"rows":[%d],"others":0}`, "abdcbA"[i:i+1], i))
	}
	expect(t, global(&Gathered{}), `{"do": "all"}`, one(rows...), want...)
}

// First keeps the first row of each call, which depends on more than a group.
type First struct{}

func (f *First) Declare(shape *callboard.Shape) error {
	shape.Gather(callboard.ByKey("n"))
	return nil
}

func (f *First) Run(inputs []*callboard.Input, output *callboard.Writer) error {
	if inputs[0].Len() > 1 {
		output.Drop(0, "first")
	}
	return nil
}

func TestWhatAGroupComesToDependsOnItAlone(t *testing.T) {
	_, err := callboardtest.Run(global(&First{}), `{}`, lines(`{"n": 1}`, `{"n": 2}`))
	if err == nil || !strings.Contains(err.Error(), "groups given to calls") {
		t.Errorf("got %v", err)
	}
}
