;; The end of the access may exceed 64 bits.
(module
  (memory i64 1)
  (func (param i64) (result i32)
    (i32.load offset=70000 (local.get 0))))
