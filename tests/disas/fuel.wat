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
;;   frame 16, aligned to 32, starts 0x100000000
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
;;     sub rsp, 0x10
;;     mov [rsp], rbx
;;     mov [rsp+8], r12
;;     xor r8d, r8d
;;     mov rcx, [rdi]
;;     mov rax, [rdi+0x50]
;; L2:
;;     mov rsi, [rcx+0x30]
;;     mov r9, rsi
;;     sub r9, 0xA
;;     mov [rcx+0x30], r9
;;     test r9, r9
;;     jl L4
;;     mov r9d, edx
;;     mov r9d, [rax+r9]  ; trap: out of bounds memory access
;;     add edx, 0xFFFFFFFF
;;     add r8d, r9d
;;     mov r12, r8
;;     test edx, edx
;;     je L3
;;     mov r8, r12
;;     jmp L2
;; L3:
;;     sub rsi, 0x10
;;     mov [rcx+0x30], rsi
;;     test rsi, rsi
;;     jl L5
;;     mov r8, rdx
;;     shr r8, 6
;;     sub rsi, r8
;;     mov [rcx+0x30], rsi
;;     test rsi, rsi
;;     jl L6
;;     cmp rdx, [rdi+0x58]
;;     ja L7
;;     mov rcx, [rdi+8]
;;     mov rbx, rdi
;;     mov rcx, [rcx+0x90]
;;     xor esi, esi
;;     mov rdi, rax
;;     call rcx
;;     mov rdx, r12
;;     mov rsi, rbx
;;     mov rdi, rsi
;;     call defined_function_0
;;     mov rbx, [rsp]
;;     mov r12, [rsp+8]
;;     add rsp, 0x10
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; L4:
;;     ud2  ; trap: all fuel consumed
;; L5:
;;     ud2  ; trap: all fuel consumed
;; L6:
;;     ud2  ; trap: all fuel consumed
;; L7:
;;     ud2  ; trap: out of bounds memory access
