(module (func (export "process")))
