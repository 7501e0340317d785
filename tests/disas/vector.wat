;; Loads that splat and extend, constants behind the code, and single instructions where patterns match.
(module
  (memory 1)
  (func (param i32 v128) (result v128)
    (i32x4.add (v128.load32_splat (local.get 0)) (i32x4.dot_i16x8_s (local.get 1) (v128.load16x4_s (local.get 0)))))
  (func (param v128 v128) (result v128)
    (i8x16.shuffle 31 0 5 17 2 9 30 21 8 8 1 29 3 16 12 7 (local.get 0) (local.get 1)))
  (func (param v128 v128) (result v128)
    (f32x4.pmin (local.get 0) (local.get 1)))
  (func (param v128 v128 v128) (result v128)
    (f32x4.relaxed_madd (local.get 0) (local.get 1) (local.get 2))))
