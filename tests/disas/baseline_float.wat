;; Floats: constants come from behind the code, comparisons are part of what they lead to, zeros and NaNs of `min`
;; take no branch that is usually taken.
;;! baseline
(module
  (func $polynomial (param f64 f64) (result f64)
    (f64.add (f64.mul (local.get 0) (f64.const 1.5)) (f64.sub (f64.const 2.5) (local.get 1))))
  (func $largest (param f64 f64) (result f64)
    (if (result f64) (f64.lt (local.get 0) (local.get 1)) (then (local.get 1)) (else (local.get 0))))
  (func $equal (param f32 f32) (result i32)
    (f32.eq (local.get 0) (local.get 1)))
  (func $least (param f32 f32) (result f32)
    (f32.min (local.get 0) (local.get 1)))
  (func $sign (param f64 f64) (result f64)
    (f64.copysign (f64.neg (local.get 0)) (local.get 1))))

;; function 0:
;;   frame 48, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     sub rsp, 0x28
;;     mov r14, rdi
;;     movaps xmm8, xmm0
;;     movaps xmm9, xmm1
;;     movaps xmm0, xmm8
;;     mulsd xmm0, [C0]
;;     movsd xmm1, [C1]
;;     subsd xmm1, xmm9
;;     addsd xmm0, xmm1
;;     mov r14, [rbp-8]
;;     leave
;;     ret
;; C0:
;;     .bytes 00 00 00 00 00 00 f8 3f
;; C1:
;;     .bytes 00 00 00 00 00 00 04 40
;; function 1:
;;   frame 48, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     sub rsp, 0x28
;;     mov r14, rdi
;;     movaps xmm8, xmm0
;;     movaps xmm9, xmm1
;;     ucomisd xmm9, xmm8
;;     jbe L0
;;     movaps xmm0, xmm9
;;     jmp L1
;; L0:
;;     movaps xmm0, xmm8
;; L1:
;;     mov r14, [rbp-8]
;;     leave
;;     ret
;; function 2:
;;   frame 48, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     sub rsp, 0x28
;;     mov r14, rdi
;;     movaps xmm8, xmm0
;;     movaps xmm9, xmm1
;;     ucomiss xmm8, xmm9
;;     setnp al
;;     sete r11b
;;     and eax, r11d
;;     movzx eax, al
;;     mov r14, [rbp-8]
;;     leave
;;     ret
;; function 3:
;;   frame 48, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     sub rsp, 0x28
;;     mov r14, rdi
;;     movaps xmm8, xmm0
;;     movaps xmm9, xmm1
;;     movaps xmm0, xmm8
;;     ucomiss xmm0, xmm9
;;     jp L0
;;     jne L1
;;     orps xmm0, xmm9
;;     jmp L2
;; L0:
;;     addss xmm0, xmm9
;;     jmp L2
;; L1:
;;     minss xmm0, xmm9
;; L2:
;;     mov r14, [rbp-8]
;;     leave
;;     ret
;; function 4:
;;   frame 48, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     sub rsp, 0x28
;;     mov r14, rdi
;;     movaps xmm8, xmm0
;;     movaps xmm9, xmm1
;;     movaps xmm0, xmm8
;;     xorps xmm0, [C0]
;;     movaps xmm15, xmm9
;;     andps xmm15, [C0]
;;     andps xmm0, [C1]
;;     orps xmm0, xmm15
;;     mov r14, [rbp-8]
;;     leave
;;     ret
;;     .bytes cc cc cc
;; C0:
;;     .bytes 00 00 00 00 00 00 00 80 00 00 00 00 00 00 00 80
;; C1:
;;     .bytes ff ff ff ff ff ff ff 7f ff ff ff ff ff ff ff 7f
