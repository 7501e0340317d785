;; Arguments change places by one exchange, the callee removes what lies on the stack, results are where they came.
;;! baseline
(module
  (import "m" "f" (func $imported (param f32) (result i32)))
  (table 3 3 funcref)
  (type $t (func (param i32) (result i32 i64)))
  (func $own (param i32 i32 i32 i32 i32 i32) (result i32)
    (call $own (local.get 1) (local.get 0) (local.get 2) (local.get 3) (i32.const 7) (local.get 4)))
  (func (param f32) (result i32) (i32.add (call $imported (local.get 0)) (i32.const 1)))
  (func (param i32) (result i32 i64) (call_indirect (type $t) (i32.const 5) (local.get 0)))
  (func (param i32) (result i32)
    (return_call $own (local.get 0) (local.get 0) (local.get 0) (i32.const 0) (i32.const 0) (i32.const 1))))

;; function 1:
;;   frame 128, aligned to 32
;; L0:
;;     mov eax, 1
;;     call qword ptr [rdi+0x18]
;;     jmp body
;; entry:
;;     mov r11, [rdi]
;;     cmp rsp, [r11]
;;     jb L0
;; body:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     sub rsp, 0x68
;;     mov r14, rdi
;;     mov [rbp-0x10], edx
;;     mov [rbp-0x18], ecx
;;     mov [rbp-0x20], r8d
;;     mov [rbp-0x28], r9d
;;     mov r11d, [rbp+0x10]
;;     mov [rbp-0x30], r11d
;;     mov r11d, [rbp+0x18]
;;     mov [rbp-0x38], r11d
;;     sub rsp, 0x10
;;     mov dword ptr [rsp], 7
;;     mov r11d, [rbp-0x30]
;;     mov [rsp+8], r11d
;;     mov edx, [rbp-0x18]
;;     mov ecx, [rbp-0x10]
;;     mov r8d, [rbp-0x20]
;;     mov r9d, [rbp-0x28]
;;     mov rdi, r14
;;     mov rsi, r14
;;     call qword ptr [slot_of_defined_function_0]
;;     mov r14, [rbp-8]
;;     leave
;;     ret 0x10
;; function 2:
;;   frame 32, aligned to 32
;; L0:
;;     mov eax, 2
;;     call qword ptr [rdi+0x18]
;;     jmp body
;; entry:
;;     mov r11, [rdi]
;;     cmp rsp, [r11]
;;     jb L0
;; body:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     sub rsp, 0x18
;;     mov r14, rdi
;;     movss [rbp-0x10], xmm0
;;     movss xmm0, [rbp-0x10]
;;     mov rdi, [r14+0x68]
;;     mov rax, [r14+0x60]
;;     mov rsi, r14
;;     call qword ptr [rax]
;;     add eax, 1
;;     mov r14, [rbp-8]
;;     leave
;;     ret
;; function 3:
;;   frame 32, aligned to 32
;; L0:
;;     mov eax, 3
;;     call qword ptr [rdi+0x18]
;;     jmp body
;; entry:
;;     mov r11, [rdi]
;;     cmp rsp, [r11]
;;     jb L0
;; body:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     sub rsp, 0x18
;;     mov r14, rdi
;;     mov [rbp-0x10], edx
;;     mov eax, [rbp-0x10]
;;     cmp rax, 3
;;     mov rcx, [r14+0x50]
;;     lea rax, [rcx+rax*8]
;;     mov r11d, 0
;;     cmovae rax, r11
;;     mov rax, [rax]  ; trap: undefined element
;;     mov r11, [r14+0x28]
;;     mov r11d, [r11]
;;     cmp [rax+0x10], r11d  ; trap: uninitialized element
;;     jne L2
;;     mov edx, 5
;;     mov rdi, [rax+8]
;;     mov rax, [rax]
;;     mov rsi, r14
;;     call qword ptr [rax]
;;     mov r14, [rbp-8]
;;     leave
;;     ret
;; L2:
;;     ud2  ; trap: indirect call type mismatch
;; function 4:
;;   frame 96, aligned to 32
;; L0:
;;     mov eax, 4
;;     call qword ptr [rdi+0x18]
;;     jmp body
;; entry:
;;     mov r11, [rdi]
;;     cmp rsp, [r11]
;;     jb L0
;; body:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     sub rsp, 0x38
;;     mov r14, rdi
;;     mov [rbp-0x10], edx
;;     sub rsp, 0x10
;;     mov dword ptr [rsp], 0
;;     mov dword ptr [rsp+8], 1
;;     mov edx, [rbp-0x10]
;;     mov ecx, [rbp-0x10]
;;     mov r8d, [rbp-0x10]
;;     mov r9d, 0
;;     mov rdi, r14
;;     mov rsi, r14
;;     mov r14, [rbp-8]
;;     mov r10, [rbp+8]
;;     mov r11, [rbp]
;;     movups xmm15, [rsp]
;;     movups [rbp], xmm15
;;     lea rsp, [rbp-8]
;;     mov [rsp], r10
;;     mov rbp, r11
;;     jmp qword ptr [slot_of_defined_function_0]
