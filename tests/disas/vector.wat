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

;; function 0:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     movdqa xmm2, xmm0
;;     mov r11, [rdi+0x50]
;;     mov eax, edx
;;     mov ecx, [r11+rax]  ; trap: out of bounds memory access
;;     pmovsxwd xmm1, [r11+rax]  ; trap: out of bounds memory access
;;     movd xmm0, ecx
;;     pshufd xmm0, xmm0, 0
;;     pmaddwd xmm2, xmm1
;;     paddd xmm0, xmm2
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; function 1:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     pshufb xmm0, [C0]
;;     pshufb xmm1, [C1]
;;     por xmm0, xmm1
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;;     .bytes 00
;; C0:
;;     .bytes 80 00 05 80 02 09 80 80 08 08 01 80 03 80 0c 07
;; C1:
;;     .bytes 0f 80 80 01 80 80 0e 05 80 80 80 0d 80 00 80 80
;; function 2:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     movdqa xmm4, xmm0
;;     movdqa xmm0, xmm1
;;     minps xmm0, xmm4
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; function 3:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mulps xmm0, xmm1
;;     addps xmm0, xmm2
;;     mov rsp, rbp
;;     pop rbp
;;     ret
