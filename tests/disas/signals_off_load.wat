;;! signals off
;; Out of bounds is a branch to a cold call of `raise`; no instruction may fault.
(module
  (memory 1)
  (func (param i32) (result i32)
    (i32.load offset=8 (local.get 0))))
