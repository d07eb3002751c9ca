(component (instance $nothing) (export "wasi:cli/run@0.2.3" (instance $nothing)))
