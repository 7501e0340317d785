;; The frame is gone before the jump.
(module
  (import "m" "f" (func $f (param i32) (result i32)))
  (type $t (func (param i32) (result i32)))
  (table 10 funcref)
  (func $count (param i32 i32) (result i32)
    (if (result i32) (local.get 0)
      (then (return_call $count (i32.sub (local.get 0) (i32.const 1)) (i32.add (local.get 1) (local.get 0))))
      (else (local.get 1))))
  (func (param i32) (result i32)
    (return_call $f (local.get 0)))
  (func (param i32 i32) (result i32)
    (return_call_indirect (type $t) (local.get 0) (local.get 1))))

;; function 1:
;;   frame 0, aligned to 32
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
;;     mov rsi, rdi
;;     test edx, edx
;;     jne L2
;;     mov rax, rcx
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; L2:
;;     mov rax, rcx
;;     lea r9d, [rdx-1]
;;     lea ecx, [rax+rdx]
;;     mov rdx, r9
;;     mov rdi, rsi
;;     mov rsp, rbp
;;     pop rbp
;;     jmp defined_function_0
;; function 2:
;;   frame 0, aligned to 32
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
;;     mov rsi, [rdi+0x60]
;;     mov r8, rdi
;;     mov r10, [rsi]
;;     mov r11, r8
;;     mov rdi, [r11+0x68]
;;     mov rsi, r11
;;     mov rsp, rbp
;;     pop rbp
;;     jmp r10
;; function 3:
;;   frame 0, aligned to 32
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
;;     mov rax, [rdi+0x58]
;;     mov rsi, [rdi+0x50]
;;     mov r8d, ecx
;;     xor rcx, rcx
;;     lea rsi, [rsi+r8*8]
;;     cmp r8, rax
;;     cmovae rsi, rcx
;;     mov rax, [rsi]  ; trap: undefined element
;;     mov ecx, [rax+0x10]  ; trap: uninitialized element
;;     mov rsi, [rdi+0x28]
;;     mov r8, rdi
;;     cmp ecx, [rsi]
;;     jne L2
;;     mov rcx, [rax]
;;     mov rdi, [rax+8]
;;     mov r10, [rcx]
;;     mov rsi, r8
;;     mov rsp, rbp
;;     pop rbp
;;     jmp r10
;; L2:
;;     ud2  ; trap: indirect call type mismatch
