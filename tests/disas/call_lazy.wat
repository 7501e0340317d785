;;! lazy
;; Compiled function by function, a module calls through the slots of its functions.
(module
  (func $callee (param i32) (result i32) (local.get 0))
  (func (param i32) (result i32)
    (i32.add (call $callee (local.get 0)) (i32.const 1))))
