;;! signals off
;; Both reasons are checked before the division.
(module
  (func (param i32 i32) (result i32)
    (i32.div_s (local.get 0) (local.get 1))))

;; function 0:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     test ecx, ecx
;;     je L1
;;     cmp edx, 0x80000000
;;     sete al
;;     cmp ecx, 0xFFFFFFFF
;;     sete sil
;;     test sil, al
;;     jne L0
;;     mov rax, rdx
;;     cdq
;;     test ecx, ecx
;;     je L2
;;     idiv ecx  ; trap: integer overflow
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; L0:
;;     mov rax, [rdi+8]
;;     mov rax, [rax+0x68]
;;     mov esi, 8
;;     call rax
;;     ud2  ; trap: integer overflow
;; L1:
;;     mov rax, [rdi+8]
;;     mov rax, [rax+0x68]
;;     mov esi, 9
;;     call rax
;;     ud2  ; trap: integer divide by zero
;; L2:
;;     ud2  ; trap: integer divide by zero
