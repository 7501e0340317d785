;;! fuel, calls stay
;; Each run of operators takes what it costs before it does anything, in memory; the amount is passed on in a register.
(module
  (memory 1)
  (func $f (param i32) (result i32) (local i32)
    (loop $again
      (local.set 1 (i32.add (local.get 1) (i32.load (local.get 0))))
      (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (memory.fill (i32.const 0) (i32.const 0) (local.get 0))
    (call $f (local.get 1))))

;; function 0:
;;   frame 64, aligned to 32
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
;;     sub rsp, 0x40
;;     mov [rsp+0x10], rbx
;;     mov [rsp+0x18], r12
;;     mov [rsp+0x20], r13
;;     mov [rsp+0x28], r14
;;     mov [rsp+0x30], r15
;;     xor ecx, ecx
;;     mov r13, [rdi]
;;     mov r12, [rdi+0x50]
;; L2:
;;     mov rax, [r13+0x30]
;;     mov rsi, rax
;;     sub rsi, 0xA
;;     mov [r13+0x30], rsi
;;     test rsi, rsi
;;     jl L10
;;     mov r8d, edx
;;     mov r8d, [r12+r8]  ; trap: out of bounds memory access
;;     sub edx, 1
;;     add ecx, r8d
;;     mov r15, rcx
;;     test edx, edx
;;     je L3
;;     mov rcx, r15
;;     jmp L2
;; L3:
;;     sub rax, 0x10
;;     mov [r13+0x30], rax
;;     test rax, rax
;;     jl L11
;;     mov rcx, rdx
;;     shr rcx, 6
;;     sub rax, rcx
;;     mov [r13+0x30], rax
;;     test rax, rax
;;     jl L12
;;     cmp rdx, [rdi+0x58]
;;     ja L13
;;     mov rax, [rdi+8]
;;     mov r14, rdi
;;     mov rax, [rax+0x90]
;;     xor ebx, ebx
;;     mov rsi, rbx
;;     mov rdi, r12
;;     call rax
;;     mov [rsp], rbx
;; L4:
;;     mov rax, [r13+0x30]
;;     mov rcx, rax
;;     sub rcx, 0xA
;;     mov [r13+0x30], rcx
;;     test rcx, rcx
;;     jl L14
;;     mov rdx, r15
;;     mov ecx, edx
;;     mov ecx, [r12+rcx]  ; trap: out of bounds memory access
;;     sub edx, 1
;;     mov rsi, [rsp]
;;     add esi, ecx
;;     mov [rsp], rsi
;;     test edx, edx
;;     je L5
;;     mov r15, rdx
;;     jmp L4
;; L5:
;;     sub rax, 0x10
;;     mov [r13+0x30], rax
;;     test rax, rax
;;     jl L15
;;     mov rcx, rdx
;;     shr rcx, 6
;;     sub rax, rcx
;;     mov [r13+0x30], rax
;;     test rax, rax
;;     jl L16
;;     mov rbx, r14
;;     cmp rdx, [rbx+0x58]
;;     ja L17
;;     mov rax, [rbx+8]
;;     mov rax, [rax+0x90]
;;     xor r14d, r14d
;;     mov rsi, r14
;;     mov rdi, r12
;;     call rax
;;     mov r15, r14
;; L6:
;;     mov rax, [r13+0x30]
;;     mov rcx, rax
;;     sub rcx, 0xA
;;     mov [r13+0x30], rcx
;;     test rcx, rcx
;;     jl L18
;;     mov rdx, [rsp]
;;     mov ecx, edx
;;     mov ecx, [r12+rcx]  ; trap: out of bounds memory access
;;     sub edx, 1
;;     mov rsi, r15
;;     add esi, ecx
;;     mov r15, rsi
;;     test edx, edx
;;     je L7
;;     mov [rsp], rdx
;;     jmp L6
;; L7:
;;     sub rax, 0x10
;;     mov [r13+0x30], rax
;;     test rax, rax
;;     jl L19
;;     mov rcx, rdx
;;     shr rcx, 6
;;     sub rax, rcx
;;     mov [r13+0x30], rax
;;     test rax, rax
;;     jl L20
;;     cmp rdx, [rbx+0x58]
;;     ja L21
;;     mov rax, [rbx+8]
;;     mov rax, [rax+0x90]
;;     xor r14d, r14d
;;     mov rsi, r14
;;     mov rdi, r12
;;     call rax
;; L8:
;;     mov rax, [r13+0x30]
;;     mov rcx, rax
;;     sub rcx, 0xA
;;     mov [r13+0x30], rcx
;;     test rcx, rcx
;;     jl L22
;;     mov rdx, r15
;;     mov ecx, edx
;;     mov ecx, [r12+rcx]  ; trap: out of bounds memory access
;;     sub edx, 1
;;     mov rsi, r14
;;     add esi, ecx
;;     mov r14, rsi
;;     test edx, edx
;;     je L9
;;     mov r15, rdx
;;     jmp L8
;; L9:
;;     sub rax, 0x10
;;     mov [r13+0x30], rax
;;     test rax, rax
;;     jl L23
;;     mov rcx, rdx
;;     shr rcx, 6
;;     sub rax, rcx
;;     mov [r13+0x30], rax
;;     test rax, rax
;;     jl L24
;;     cmp rdx, [rbx+0x58]
;;     ja L25
;;     mov rsi, [rbx+8]
;;     mov r8, [rsi+0x90]
;;     xor esi, esi
;;     mov rdi, r12
;;     call r8
;;     mov rdx, r14
;;     mov rsi, rbx
;;     mov rdi, rsi
;;     call defined_function_0
;;     mov rbx, [rsp+0x10]
;;     mov r12, [rsp+0x18]
;;     mov r13, [rsp+0x20]
;;     mov r14, [rsp+0x28]
;;     mov r15, [rsp+0x30]
;;     add rsp, 0x40
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; L10:
;;     ud2  ; trap: all fuel consumed
;; L11:
;;     ud2  ; trap: all fuel consumed
;; L12:
;;     ud2  ; trap: all fuel consumed
;; L13:
;;     ud2  ; trap: out of bounds memory access
;; L14:
;;     ud2  ; trap: all fuel consumed
;; L15:
;;     ud2  ; trap: all fuel consumed
;; L16:
;;     ud2  ; trap: all fuel consumed
;; L17:
;;     ud2  ; trap: out of bounds memory access
;; L18:
;;     ud2  ; trap: all fuel consumed
;; L19:
;;     ud2  ; trap: all fuel consumed
;; L20:
;;     ud2  ; trap: all fuel consumed
;; L21:
;;     ud2  ; trap: out of bounds memory access
;; L22:
;;     ud2  ; trap: all fuel consumed
;; L23:
;;     ud2  ; trap: all fuel consumed
;; L24:
;;     ud2  ; trap: all fuel consumed
;; L25:
;;     ud2  ; trap: out of bounds memory access
