;;! signals off
;; Out of bounds is a branch to a cold call of `raise`; no instruction may fault.
(module
  (memory 1)
  (func (param i32) (result i32)
    (i32.load offset=8 (local.get 0))))

;; function 0:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mov rax, [rdi+0x58]
;;     mov ecx, edx
;;     sub rax, 0xC
;;     cmp rcx, rax
;;     ja L0
;;     mov rsi, [rdi+0x50]
;;     xor rdx, rdx
;;     lea rsi, [rsi+rcx+8]
;;     cmp rcx, rax
;;     cmova rsi, rdx
;;     mov eax, [rsi]
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; L0:
;;     mov rax, [rdi+8]
;;     mov rax, [rax+0x68]
;;     mov esi, 2
;;     call rax
;;     ud2  ; trap: out of bounds memory access
