;;! signals off
;; Both reasons are checked before the division.
(module
  (func (param i32 i32) (result i32)
    (i32.div_s (local.get 0) (local.get 1))))
