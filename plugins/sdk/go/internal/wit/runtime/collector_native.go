//go:build !wasm

package runtime

// Enter does nothing: natively the collector is free.
func Enter() {}

// Leave does nothing.
func Leave() {}

// Quietly calls.
func Quietly(call func()) { call() }
