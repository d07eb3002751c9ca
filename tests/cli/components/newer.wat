(component (instance $nothing) (export "callboard:step/transform@0.3.0" (instance $nothing)))
