;;! explicit
;; A comparison per access. The first access is below the smallest length, the second one may not be.
(module
  (memory 1)
  (func (param i32) (result i32)
    (i32.load offset=8 (local.get 0)))
  (func (param i32) (result i64)
    (i64.load offset=70000 (local.get 0))))

;; function 0:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mov r8, [rdi+0x58]
;;     mov r10d, edx
;;     sub r8, 0xC
;;     xor r11, r11
;;     mov r9, r10
;;     add r9, [rdi+0x50]
;;     cmp r10, r8
;;     cmova r9, r11
;;     mov eax, [r9+8]  ; trap: out of bounds memory access
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; function 1:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mov r11, [rdi+0x58]
;;     mov rax, [rdi+0x50]
;;     mov edx, edx
;;     lea rsi, [rdx+0x11178]
;;     xor rcx, rcx
;;     lea r10, [rax+rdx+0x11170]
;;     cmp rsi, r11
;;     cmova r10, rcx
;;     mov rax, [r10]  ; trap: out of bounds memory access
;;     mov rsp, rbp
;;     pop rbp
;;     ret
