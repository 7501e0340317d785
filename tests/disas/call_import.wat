;; An import brings its own vmctx; ours is its caller.
(module
  (import "m" "f" (func $f (param i32) (result i32)))
  (func (param i32) (result i32)
    (i32.add (call $f (local.get 0)) (i32.const 1))))
