;; The frame is gone before the jump.
(module
  (import "m" "f" (func $f (param i32) (result i32)))
  (type $t (func (param i32) (result i32)))
  (table 10 funcref)
  (func $count (param i32 i32) (result i32)
    (if (result i32) (local.get 0)
      (then (return_call $count (i32.sub (local.get 0) (i32.const 1)) (i32.add (local.get 1) (local.get 0))))
      (else (local.get 1))))
  (func (param i32) (result i32)
    (return_call $f (local.get 0)))
  (func (param i32 i32) (result i32)
    (return_call_indirect (type $t) (local.get 0) (local.get 1))))
