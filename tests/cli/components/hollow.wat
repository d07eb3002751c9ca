(component (instance $nothing) (export "callboard:step/transform@0.2.0" (instance $nothing)))
