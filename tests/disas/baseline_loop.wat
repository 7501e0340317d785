;; A loop that calls nothing, in a function that calls: what it touches is in registers, and what it sets is stored
;; as well. The comparison is part of the branch.
;;! baseline, interrupts
(module
  (memory 1)
  (func $sum (param i32 i32) (result i32) (local i32)
    (loop
      (local.set 2 (i32.add (local.get 2) (i32.load offset=4 (local.get 0))))
      (local.set 0 (i32.add (local.get 0) (i32.const 4)))
      (br_if 0 (i32.lt_u (local.get 0) (local.get 1))))
    (call $sum (local.get 2) (local.get 0))))

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
;;     push r13
;;     push r14
;;     push r15
;;     sub rsp, 0x28
;;     mov r14, rdi
;;     mov ebx, edx
;;     mov r13d, ecx
;;     xor r12d, r12d
;;     mov r15, [r14+0x50]
;; L2:
;;     mov r11, [r14]
;;     cmp qword ptr [r11], 0xFFFFFFFFFFFFFFFF
;;     je L4
;; L3:
;;     mov eax, [r15+rbx+4]  ; trap: out of bounds memory access
;;     add r12d, eax
;;     add ebx, 4
;;     cmp ebx, r13d
;;     jb L2
;;     mov edx, r12d
;;     mov ecx, ebx
;;     mov rdi, r14
;;     mov rsi, r14
;;     call qword ptr [slot_of_defined_function_0]
;;     mov rbx, [rbp-8]
;;     mov r12, [rbp-0x10]
;;     mov r13, [rbp-0x18]
;;     mov r14, [rbp-0x20]
;;     mov r15, [rbp-0x28]
;;     leave
;;     ret
;; L4:
;;     push rdi
;;     push rdi
;;     mov rdi, r14
;;     mov r11, [r14+8]
;;     call qword ptr [r11+0x70]
;;     pop rdi
;;     pop rdi
;;     jmp L3
