package tests

import (
	"encoding/json/v2"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// wasteful is a step that keeps nothing, and leaves to collect its rows, and for one row in a batch more.
const wasteful = `package main

import (
	"bytes"
	"strings"

	"callboard"
)

type Memory struct {
	Text callboard.In[string]  ` + "`column:\"text\"`" + `
	Out  callboard.Out[string] ` + "`column:\"out\"`" + `
}

func main() { callboard.Transform(&Memory{}) }

func (m *Memory) Row(row callboard.Row) error {
	text, _ := m.Text.Get(row)
	if row.Index() == 0 {
		text = strings.Join(strings.Fields(text), "-") + string(bytes.Repeat([]byte{'x'}, 10_000))
	}
	m.Out.Set(text[:4])
	return nil
}
`

// In a component Go's collector may run at some times only; see internal/wit/runtime. That it runs then, and only then, shows in the real
// host alone, and with batches so large that it is they who would start it.
func TestAComponentsMemoryStaysFlat(t *testing.T) {
	callboard := os.Getenv("CALLBOARD")
	if callboard == "" {
		t.Skip("it needs the command `callboard`: set CALLBOARD to its path")
	}
	t.Chdir(t.TempDir())
	command := func(arguments ...string) {
		t.Helper()
		if said, err := exec.Command(callboard, arguments...).CombinedOutput(); err != nil {
			t.Fatalf("callboard %s: %v\n%s", strings.Join(arguments, " "), err, said)
		}
	}
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	command("step", "new", "memory", "--lang", "go", "--kind", "transform")
	write(filepath.Join("memory", "step.go"), wasteful)
	command("step", "build", "memory")

	peak := func(batches int) float64 {
		t.Helper()
		write("rows.jsonl", strings.Repeat("{\"text\": \""+strings.Repeat("some words ", 400)+"\"}\n", 20*batches))
		write("pipeline.toml", `
callboard = 1
inputs.rows.path = "rows.jsonl"
outputs.out.path = "out.parquet"
run.batch_rows = 20
[[steps]]
use = "memory/memory.wasm"
`)
		command("run", "pipeline.toml", "--fresh", "--overwrite", "--report", "report.json")
		text, err := os.ReadFile("report.json")
		if err != nil {
			t.Fatal(err)
		}
		var report struct {
			Peak float64 `json:"peak_linear_memory_bytes"`
			Rows struct {
				Out struct{ Rows int } `json:"out"`
			} `json:"outputs"`
		}
		if err := json.Unmarshal(text, &report, json.MatchCaseInsensitiveNames(true)); err != nil {
			t.Fatal(err)
		}
		if report.Rows.Out.Rows != 20*batches {
			t.Fatalf("%d rows came out of %d", report.Rows.Out.Rows, 20*batches)
		}
		return report.Peak
	}
	few, many := peak(40), peak(400)
	t.Log(fmt.Sprintf("peak memory: %.1f MB over 40 batches, %.1f MB over 400", few/1e6, many/1e6))
	if many > few+1e6 {
		t.Errorf("memory grows: %.0f bytes over 40 batches, %.0f over 400", few, many)
	}
}
