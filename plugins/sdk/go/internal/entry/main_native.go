//go:build !wasm

package entry

func programMain() {
	panic("a step runs in a component alone")
}
