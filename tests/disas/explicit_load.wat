;;! explicit
;; A comparison per access. The first access is below the smallest length, the second one may not be.
(module
  (memory 1)
  (func (param i32) (result i32)
    (i32.load offset=8 (local.get 0)))
  (func (param i32) (result i64)
    (i64.load offset=70000 (local.get 0))))
