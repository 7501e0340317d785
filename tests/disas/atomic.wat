;; Alignment is checked, then the access is one locked instruction.
(module
  (memory 1 1 shared)
  (func (param i32 i32) (result i32)
    (i32.atomic.rmw.add offset=4 (local.get 0) (local.get 1)))
  (func (param i32 i32)
    (drop (i32.atomic.rmw.or (local.get 0) (local.get 1))))
  (func (param i32 i64)
    (i64.atomic.store (local.get 0) (local.get 1))))
