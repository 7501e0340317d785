;; Calls in both directions, for the cost of one.
(module
  (import "env" "host" (func $host (param i32 i32) (result i32)))
  (func (export "add") (param i32 i32) (result i32)
    local.get 0
    local.get 1
    i32.add)
  ;; The sum of 0 .. n-1, each addition done by the host.
  (func (export "call_host") (param $n i32) (result i32) (local $i i32) (local $sum i32)
    (if (local.get $n) (then
      (loop $again
        (local.set $sum (call $host (local.get $i) (local.get $sum)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.ne (local.get $i) (local.get $n))))))
    local.get $sum)
  ;; The same without calls: what the loop itself costs.
  (func (export "loop") (param $n i32) (result i32) (local $i i32) (local $sum i32)
    (if (local.get $n) (then
      (loop $again
        (local.set $sum (i32.add (local.get $i) (local.get $sum)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.ne (local.get $i) (local.get $n))))))
    local.get $sum))
