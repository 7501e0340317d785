;; Between integers and floats: what is out of range is told apart out of the way.
;;! baseline
(module
  (func (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
  (func (param f64) (result i32) (i32.trunc_sat_f64_u (local.get 0)))
  (func (param f32) (result i64) (i64.trunc_f32_u (local.get 0)))
  (func (param i64) (result f64) (f64.convert_i64_u (local.get 0)))
  (func (param i32) (result f32) (f32.convert_i32_s (local.get 0))))

;; function 0:
;;   frame 32, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     sub rsp, 0x18
;;     mov r14, rdi
;;     movaps xmm8, xmm0
;;     cvttsd2si rax, xmm8
;;     movsxd r11, eax
;;     cmp r11, rax
;;     je L0
;;     ucomisd xmm8, xmm8
;;     jp L1
;;     ud2  ; trap: integer overflow
;; L0:
;;     mov r14, [rbp-8]
;;     leave
;;     ret
;; L1:
;;     ud2  ; trap: invalid conversion to integer
;; function 1:
;;   frame 32, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     sub rsp, 0x18
;;     mov r14, rdi
;;     movaps xmm8, xmm0
;;     cvttsd2si rax, xmm8
;;     mov r11d, eax
;;     cmp r11, rax
;;     je L0
;;     ucomisd xmm8, [C0]
;;     mov eax, 0
;;     jp L0
;;     mov eax, 0xFFFFFFFF
;;     ja L0
;;     mov eax, 0
;; L0:
;;     mov r14, [rbp-8]
;;     leave
;;     ret
;; C0:
;;     .bytes 00 00 00 00 00 00 00 00
;; function 2:
;;   frame 32, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     sub rsp, 0x18
;;     mov r14, rdi
;;     movaps xmm8, xmm0
;;     ucomiss xmm8, [C0]
;;     jae L0
;;     cvttss2si rax, xmm8
;;     test rax, rax
;;     jns L1
;;     ucomiss xmm8, xmm8
;;     jp L2
;;     ud2  ; trap: integer overflow
;; L0:
;;     movaps xmm15, xmm8
;;     subss xmm15, [C0]
;;     cvttss2si rax, xmm15
;;     mov r11, 0x8000000000000000
;;     test rax, rax
;;     js L3
;;     or rax, r11
;; L1:
;;     mov r14, [rbp-8]
;;     leave
;;     ret
;; L2:
;;     ud2  ; trap: invalid conversion to integer
;; L3:
;;     ud2  ; trap: integer overflow
;;     .bytes cc cc cc cc cc
;; C0:
;;     .bytes 00 00 00 5f 00 00 00 00
;; function 3:
;;   frame 32, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     sub rsp, 0x18
;;     mov r14, rdi
;;     mov rsi, rdx
;;     mov rax, rsi
;;     xorps xmm0, xmm0
;;     test rax, rax
;;     js L0
;;     cvtsi2sd xmm0, rax
;;     jmp L1
;; L0:
;;     mov r11, rax
;;     shr r11, 1
;;     and eax, 1
;;     or r11, rax
;;     cvtsi2sd xmm0, r11
;;     addsd xmm0, xmm0
;; L1:
;;     mov r14, [rbp-8]
;;     leave
;;     ret
;; function 4:
;;   frame 32, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     sub rsp, 0x18
;;     mov r14, rdi
;;     mov esi, edx
;;     mov esi, esi
;;     xorps xmm0, xmm0
;;     cvtsi2ss xmm0, esi
;;     mov r14, [rbp-8]
;;     leave
;;     ret
