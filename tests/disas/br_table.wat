;; A bound check, masked against speculation, and a table of distances.
(module
  (func (param i32) (result i32)
    (block $a
      (block $b
        (block $c
          (block $d
            (br_table $a $b $c $d (local.get 0)))
          (return (i32.const 40)))
        (return (i32.const 30)))
      (return (i32.const 20)))
    (i32.const 10)))
