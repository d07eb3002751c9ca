(component (instance $nothing) (export "callboard:step/transform@0.1.0" (instance $nothing)))
