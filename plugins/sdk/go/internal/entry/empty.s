// For the function without a body in main_wasm.go.
