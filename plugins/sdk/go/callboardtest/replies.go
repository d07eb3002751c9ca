package callboardtest

import (
	"os"
	"testing"

	"callboard/internal/host"
)

// Replies plays the replies of a file, as `callboard step test --record` writes it, to the requests of callboard/http, until the test
// ends. Without it every request is refused.
func Replies(t testing.TB, path string) {
	t.Helper()
	lines, err := os.ReadFile(path)
	if err == nil {
		err = host.Play(lines)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	t.Cleanup(func() { _ = host.Play(nil) })
}
