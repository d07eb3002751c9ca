//go:build !wasm

package callboard

import (
	"callboard/internal/bridge"
	"callboard/internal/entry"
)

func init() {
	bridge.Log = newRunLog()
	bridge.Sent = func(rows int, names []string, arrays any) entry.Batch { return sent(rows, names, arrays.([]*Array)) }
	bridge.Schema = func(schema any) entry.Batch { return sentSchema(schema.(Schema)) }
	bridge.Received = func(batch entry.Batch) (any, any) {
		schema, arrays := received(batch)
		return schema, arrays
	}
}
