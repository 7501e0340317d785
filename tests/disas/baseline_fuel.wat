;; Each run of operators takes what it costs before it does anything: a load, a subtraction in memory, a branch.
;;! baseline, fuel
(module
  (memory 1)
  (func $f (param i32) (result i32) (local i32)
    (loop $again
      (local.set 1 (i32.add (local.get 1) (i32.load (local.get 0))))
      (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (memory.fill (i32.const 0) (i32.const 0) (local.get 0))
    (call $f (local.get 1))))

;; function 0:
;;   frame 80, aligned to 32
;; L0:
;;     mov eax, 0
;;     call qword ptr [rdi+0x18]
;;     jmp body
;; entry:
;;     mov r11, [rdi]
;;     cmp rsp, [r11]
;;     jb L0
;; body:
;;     push rbp
;;     mov rbp, rsp
;;     push rbx
;;     push r12
;;     push r14
;;     push r15
;;     sub rsp, 0x30
;;     mov r14, rdi
;;     mov ebx, edx
;;     xor r12d, r12d
;;     mov r15, [r14+0x50]
;; L2:
;;     mov r11, [r14]
;;     sub qword ptr [r11+0x30], 0xA
;;     js L3
;;     mov eax, [r15+rbx]  ; trap: out of bounds memory access
;;     add r12d, eax
;;     sub ebx, 1
;;     test ebx, ebx
;;     jne L2
;;     mov r11, [r14]
;;     sub qword ptr [r11+0x30], 6
;;     js L4
;;     mov eax, ebx
;;     shr rax, 6
;;     mov r11, [r14]
;;     sub [r11+0x30], rax
;;     js L5
;;     mov r8d, ebx
;;     mov esi, 0
;;     mov edx, 0
;;     mov ecx, 0
;;     mov rdi, r14
;;     mov r11, [r14+8]
;;     call qword ptr [r11+8]
;;     mov edx, r12d
;;     mov rdi, r14
;;     mov rsi, r14
;;     call qword ptr [slot_of_defined_function_0]
;;     mov rbx, [rbp-8]
;;     mov r12, [rbp-0x10]
;;     mov r14, [rbp-0x18]
;;     mov r15, [rbp-0x20]
;;     leave
;;     ret
;; L3:
;;     ud2  ; trap: all fuel consumed
;; L4:
;;     ud2  ; trap: all fuel consumed
;; L5:
;;     ud2  ; trap: all fuel consumed
