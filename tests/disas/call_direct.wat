;; Compiled as a whole, a module calls its functions directly.
(module
  (func $callee (param i32) (result i32) (local.get 0))
  (func (param i32) (result i32)
    (i32.add (call $callee (local.get 0)) (i32.const 1))))
