;; A guarded memory: no comparison, and the base is loaded once.
(module
  (memory 1)
  (func (param i32) (result i32)
    (i32.add (i32.load offset=8 (local.get 0)) (i32.load8_u offset=70000 (local.get 0)))))
