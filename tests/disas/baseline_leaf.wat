;; A function that calls nothing: locals are in registers that need no saving.
;;! baseline
(module
  (func (param i32 i32 i64) (result i64) (local f64)
    (if (i64.eqz (local.get 2)) (then (return (i64.const 1))))
    (local.set 3 (f64.add (local.get 3) (f64.convert_i32_s (local.get 1))))
    (select
      (i64.extend_i32_u (i32.rotl (local.get 0) (local.get 1)))
      (i64.const -1)
      (f64.lt (local.get 3) (f64.const 2)))))

;; function 0:
;;   frame 80, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     sub rsp, 0x48
;;     mov r14, rdi
;;     mov edi, edx
;;     mov esi, ecx
;;     mov edi, edi
;;     mov esi, esi
;;     xorps xmm8, xmm8
;;     test r8, r8
;;     jne L0
;;     mov eax, 1
;;     jmp L1
;; L0:
;;     xorps xmm0, xmm0
;;     cvtsi2sd xmm0, esi
;;     addsd xmm8, xmm0
;;     mov eax, edi
;;     mov ecx, esi
;;     rol eax, cl
;;     movsd xmm0, [C0]
;;     ucomisd xmm0, xmm8
;;     mov rcx, 0xFFFFFFFFFFFFFFFF
;;     cmova rcx, rax
;;     mov rax, rcx
;; L1:
;;     mov r14, [rbp-8]
;;     leave
;;     ret
;;     .bytes cc
;; C0:
;;     .bytes 00 00 00 00 00 00 00 40
