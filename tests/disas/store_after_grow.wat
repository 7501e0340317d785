;;! explicit
;; The base and the length are loaded anew behind a call, which may grow the memory.
(module
  (memory 1)
  (func (param i32)
    (i32.store (local.get 0) (i32.const 1))
    (drop (memory.grow (i32.const 1)))
    (i32.store (local.get 0) (i32.const 2))))
