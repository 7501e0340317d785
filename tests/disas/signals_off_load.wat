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
;;     mov r11, [rdi+0x58]
;;     mov eax, edx
;;     sub r11, 0xC
;;     cmp rax, r11
;;     ja L0
;;     xor rcx, rcx
;;     mov rdx, rax
;;     add rdx, [rdi+0x50]
;;     cmp rax, r11
;;     cmova rdx, rcx
;;     mov eax, [rdx+8]
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; L0:
;;     mov rax, [rdi+8]
;;     mov rax, [rax+0x68]
;;     mov esi, 2
;;     call rax
;;     ud2  ; trap: out of bounds memory access
