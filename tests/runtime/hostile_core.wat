;; A transform by hand, below every language's bindings. As it stands it is honest: it reads `text`, writes nothing, and passes all
;; rows on. A test puts its misdeed in place of one of the words in capitals.
;;
;; What a call returns is the address of its result; zeroes are the `ok` of each, with nothing in it:
;;   declare: result 0, reads 4 (address, count), writes 12 (rows; columns; arrays), drops 32
;;   process: result 0, origins 4 (some; address, count), columns 16 (rows; columns; arrays), removed 36
(module
  (memory (export "memory") MEMORY)
  (table $table TABLE funcref)
  (global $calls (mut i32) (i32.const 0))

  ;; 16: the result of `declare`; 256: that of the other calls, all zeroes; 512: names.
  (data (i32.const 20) "\18\02\00\00\01\00\00\00")
  (data (i32.const 512) "text")
  (data (i32.const 528) "\ff\fe\fd\fc")
  (data (i32.const 536) "\00\02\00\00\04\00\00\00")
  (data (i32.const 544) "\10\02\00\00\04\00\00\00")
  DATA

  (func $forever (loop $again (br $again)))
  (func $deep (param i32) (result i32) (i32.add (call $deep (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
  (func $grow (loop $again (drop (memory.grow (i32.const 16))) (br $again)))
  (func $grow_table (loop $again (drop (table.grow $table (ref.null func) (i32.const 1000))) (br $again)))

  (func $start START)
  (start $start)

  ;; Arguments go to one place, over each other: nobody reads them.
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    REALLOC
    (i32.const 4096))

  (func (export "callboard:step/manifest@0.2.0#describe") (result i32) unreachable)
  (func (export "callboard:step/transform@0.2.0#declare") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    DECLARE
    (i32.const 16))
  (func (export "callboard:step/transform@0.2.0#open") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    OPEN
    (i32.const 256))
  (func (export "callboard:step/transform@0.2.0#process") (param i32 i32 i32 i32 i32) (result i32)
    PROCESS
    (i32.const 256))
  (func (export "cabi_post_callboard:step/transform@0.2.0#process") (param i32) POST)
)
