;; The length of a table that cannot grow is known, and its base is loaded once.
(module
  (type $t (func (param i32) (result i32)))
  (table 10 10 funcref)
  (func (param i32) (result i32)
    (call_indirect (type $t) (call_indirect (type $t) (local.get 0) (i32.const 3)) (local.get 0))))

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
;;     mov [rsp+0x18], r14
;;     mov rsi, rdx
;;     mov r14, rdi
;;     mov rbx, [rdi+0x50]
;;     mov rcx, [rbx+0x18]  ; trap: undefined element
;;     mov edx, [rcx+0x10]  ; trap: uninitialized element
;;     mov rax, [rdi+0x28]
;;     mov r13d, [rax]
;;     cmp edx, r13d
;;     jne L2
;;     mov rdx, [rcx]
;;     mov rdi, [rcx+8]
;;     mov rcx, [rdx]
;;     mov r12, rsi
;;     mov rdx, r12
;;     mov rsi, r14
;;     call rcx
;;     mov r8, rax
;;     mov edx, r12d
;;     xor rcx, rcx
;;     lea rsi, [rbx+rdx*8]
;;     cmp rdx, 0xA
;;     cmovae rsi, rcx
;;     mov rcx, [rsi]  ; trap: undefined element
;;     mov eax, [rcx+0x10]  ; trap: uninitialized element
;;     cmp eax, r13d
;;     jne L3
;;     mov rax, [rcx]
;;     mov rdi, [rcx+8]
;;     mov rax, [rax]
;;     mov rdx, r8
;;     mov rsi, r14
;;     call rax
;;     mov rbx, [rsp]
;;     mov r12, [rsp+8]
;;     mov r13, [rsp+0x10]
;;     mov r14, [rsp+0x18]
;;     add rsp, 0x20
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; L2:
;;     ud2  ; trap: indirect call type mismatch
;; L3:
;;     ud2  ; trap: indirect call type mismatch
