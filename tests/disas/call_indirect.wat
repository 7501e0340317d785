;; Bounds, null and type, then a call through the slot of the function.
(module
  (type $t (func (param i32) (result i32)))
  (table 10 funcref)
  (func (param i32 i32) (result i32)
    (i32.add (call_indirect (type $t) (local.get 0) (local.get 1)) (i32.const 1))))
