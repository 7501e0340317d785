;;! baseline, interrupts, both tiers
;; An entry counts in the function's budget, a loop in the frame; behind the function, the loop takes its next chunk, polls,
;; and asks the runtime, which may have code that goes on in the loop.
(module
  (func (param i32) (result i32) (local i32)
    (loop $again
      (local.set 1 (i32.add (local.get 1) (local.get 0)))
      (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1)))
