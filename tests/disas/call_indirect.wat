;; Bounds, null and type, then a call through the slot of the function.
(module
  (type $t (func (param i32) (result i32)))
  (table 10 funcref)
  (func (param i32 i32) (result i32)
    (i32.add (call_indirect (type $t) (local.get 0) (local.get 1)) (i32.const 1))))

;; function 0:
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
;;     mov rax, [rcx]
;;     mov rsi, r8
;;     call rax
;;     add eax, 1
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; L2:
;;     ud2  ; trap: indirect call type mismatch
