;; The end of the access may exceed 64 bits.
(module
  (memory i64 1)
  (func (param i64) (result i32)
    (i32.load offset=70000 (local.get 0))))

;; function 0:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mov rsi, [rdi+0x58]
;;     mov r8, rdx
;;     add r8, 0x11174
;;     setb cl
;;     mov rax, [rdi+0x50]
;;     cmp r8, rsi
;;     seta sil
;;     or esi, ecx
;;     xor rcx, rcx
;;     lea rax, [rax+rdx+0x11170]
;;     test sil, sil
;;     cmovne rax, rcx
;;     mov eax, [rax]  ; trap: out of bounds memory access
;;     mov rsp, rbp
;;     pop rbp
;;     ret
