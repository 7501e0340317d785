;; Vectors in a loop that calls nothing live in registers; shuffles and shifts by constants are few instructions.
;;! baseline
(module
  (memory 1)
  (func $dot (param i32 i32) (result f32) (local v128)
    (loop
      (local.set 2
        (f32x4.add (local.get 2) (f32x4.mul (v128.load (local.get 0)) (v128.load offset=4096 (local.get 0)))))
      (local.set 0 (i32.add (local.get 0) (i32.const 16)))
      (br_if 0 (i32.lt_u (local.get 0) (local.get 1))))
    (f32x4.extract_lane 1 (local.get 2)))
  (func $shuffles (param v128 v128) (result v128)
    (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23 (local.get 0)
      (i8x16.shuffle 3 17 2 19 4 5 6 7 8 9 10 11 12 13 14 31 (local.get 0) (local.get 1))))
  (func $shifts (param v128 i32) (result v128)
    (i8x16.shr_s (i64x2.shr_s (local.get 0) (i32.const 3)) (local.get 1)))
  (func $any (param v128) (result i32)
    (v128.any_true (v128.andnot (local.get 0) (v128.const i32x4 1 2 3 4)))))

;; function 0:
;;   frame 112, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     push r15
;;     sub rsp, 0x60
;;     mov r14, rdi
;;     mov esi, edx
;;     mov edi, ecx
;;     mov esi, esi
;;     mov edi, edi
;;     xorps xmm8, xmm8
;;     mov r15, [r14+0x50]
;; L0:
;;     movups xmm0, [r15+rsi]  ; trap: out of bounds memory access
;;     movups xmm1, [r15+rsi+0x1000]  ; trap: out of bounds memory access
;;     mulps xmm0, xmm1
;;     addps xmm8, xmm0
;;     add esi, 0x10
;;     cmp esi, edi
;;     jb L0
;;     pshufd xmm0, xmm8, 0xE9
;;     mov r14, [rbp-8]
;;     mov r15, [rbp-0x10]
;;     leave
;;     ret
;; function 1:
;;   frame 96, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     sub rsp, 0x58
;;     mov r14, rdi
;;     movaps xmm8, xmm0
;;     movaps xmm9, xmm1
;;     movaps xmm0, xmm8
;;     movaps xmm15, xmm9
;;     pshufb xmm15, [C0]
;;     pshufb xmm0, [C1]
;;     por xmm0, xmm15
;;     movaps xmm1, xmm8
;;     punpckldq xmm1, xmm0
;;     movaps xmm0, xmm1
;;     mov r14, [rbp-8]
;;     leave
;;     ret
;;     .bytes cc cc cc cc cc cc cc cc cc cc
;; C0:
;;     .bytes 80 01 80 03 80 80 80 80 80 80 80 80 80 80 80 0f
;; C1:
;;     .bytes 03 80 02 80 04 05 06 07 08 09 0a 0b 0c 0d 0e 80
;; function 2:
;;   frame 80, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     sub rsp, 0x48
;;     mov r14, rdi
;;     movaps xmm8, xmm0
;;     mov esi, edx
;;     mov esi, esi
;;     movaps xmm0, xmm8
;;     psrlq xmm0, 3
;;     pxor xmm0, [C0]
;;     psubq xmm0, [C0]
;;     mov r11d, esi
;;     and r11d, 7
;;     add r11d, 8
;;     movd xmm1, r11d
;;     movaps xmm15, xmm0
;;     punpckhbw xmm15, xmm0
;;     punpcklbw xmm0, xmm0
;;     psraw xmm15, xmm1
;;     psraw xmm0, xmm1
;;     packsswb xmm0, xmm15
;;     mov r14, [rbp-8]
;;     leave
;;     ret
;;     .bytes cc
;; C0:
;;     .bytes 00 00 00 00 00 00 00 10 00 00 00 00 00 00 00 10
;; function 3:
;;   frame 64, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     sub rsp, 0x38
;;     mov r14, rdi
;;     movaps xmm8, xmm0
;;     movups xmm0, [C0]
;;     pandn xmm0, xmm8
;;     xor eax, eax
;;     ptest xmm0, xmm0
;;     setne al
;;     mov r14, [rbp-8]
;;     leave
;;     ret
;;     .bytes cc cc cc
;; C0:
;;     .bytes 01 00 00 00 02 00 00 00 03 00 00 00 04 00 00 00
