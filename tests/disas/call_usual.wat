;;! usual target 1
;; The usual target of a call through a table is compared with, and inlined. All else goes the ordinary way, which is
;; cold.
(module
  (type $t (func (param i32) (result i32)))
  (table (export "t") 10 funcref)
  (elem (i32.const 0) $double $square)
  (func $double (type $t) (i32.shl (local.get 0) (i32.const 1)))
  (func $square (type $t) (i32.mul (local.get 0) (local.get 0)))
  (func (param i32 i32) (result i32)
    (i32.add (i32.const 1) (call_indirect (type $t) (local.get 0) (local.get 1)))))

;; function 0:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mov rax, rdx
;;     shl eax, 1
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; function 1:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mov rax, rdx
;;     imul eax, edx
;;     mov rsp, rbp
;;     pop rbp
;;     ret
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
;;     mov rax, [rdi+0x58]
;;     mov rsi, [rdi+0x50]
;;     mov r8d, ecx
;;     xor rcx, rcx
;;     lea rsi, [rsi+r8*8]
;;     cmp r8, rax
;;     cmovae rsi, rcx
;;     mov rax, [rsi]  ; trap: undefined element
;;     lea rcx, [rdi+0x78]
;;     cmp rax, rcx
;;     jne L3
;;     imul edx, edx
;; L2:
;;     lea eax, [rdx+1]
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; L3:
;;     mov ecx, [rax+0x10]  ; trap: uninitialized element
;;     mov rsi, [rdi+0x28]
;;     mov r8, rdi
;;     cmp ecx, [rsi]
;;     jne L4
;;     mov rcx, [rax]
;;     mov rdi, [rax+8]
;;     mov rax, [rcx]
;;     mov rsi, r8
;;     call rax
;;     mov rdx, rax
;;     jmp L2
;; L4:
;;     ud2  ; trap: indirect call type mismatch
