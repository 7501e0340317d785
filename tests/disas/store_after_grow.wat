;;! explicit
;; The base and the length are loaded anew behind a call, which may grow the memory.
(module
  (memory 1)
  (func (param i32)
    (i32.store (local.get 0) (i32.const 1))
    (drop (memory.grow (i32.const 1)))
    (i32.store (local.get 0) (i32.const 2))))

;; function 0:
;;   frame 32, aligned to 32
;; L0:
;;     pop rbp
;;     call qword ptr [rdi+0x18]
;;     push rbp
;;     mov rbp, rsp
;;     jmp body
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mov r11, [rdi]
;;     cmp rbp, [r11]
;;     jb L0
;; body:
;;     sub rsp, 0x20
;;     mov [rsp], rbx
;;     mov [rsp+8], r12
;;     mov [rsp+0x10], r13
;;     mov rcx, [rdi+0x58]
;;     mov r13d, edx
;;     sub rcx, 4
;;     xor rbx, rbx
;;     mov rdx, r13
;;     add rdx, [rdi+0x50]
;;     cmp r13, rcx
;;     cmova rdx, rbx
;;     mov dword ptr [rdx], 1  ; trap: out of bounds memory access
;;     mov rcx, [rdi+8]
;;     mov r12, rdi
;;     mov rcx, [rcx]
;;     xor esi, esi
;;     mov edx, 1
;;     call rcx
;;     mov rcx, [r12+0x58]
;;     sub rcx, 4
;;     mov rdx, r13
;;     add rdx, [r12+0x50]
;;     cmp r13, rcx
;;     cmova rdx, rbx
;;     mov dword ptr [rdx], 2  ; trap: out of bounds memory access
;;     mov rbx, [rsp]
;;     mov r12, [rsp+8]
;;     mov r13, [rsp+0x10]
;;     add rsp, 0x20
;;     mov rsp, rbp
;;     pop rbp
;;     ret
