;;! baseline, interrupts, both tiers
;; An entry counts in the function's budget, a loop in the frame; behind the function, the loop takes its next chunk, polls,
;; and asks the runtime, which may have code that goes on in the loop. A loop that begins with a call counts that in place
;; of a chunk, and the second call of the stretch is counted with the first.
(module
  (func (param i32) (result i32) (local i32)
    (loop $again
      (local.set 1 (i32.add (local.get 1) (local.get 0)))
      (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))
  (func $twice (param i32)
    (loop $again
      (call $twice (i32.const 0))
      (call $twice (i32.const 1))
      (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))

;; function 0:
;;   frame 48, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     sub rsp, 0x28
;;     mov r14, rdi
;;     mov esi, edx
;;     mov esi, esi
;;     xor edi, edi
;;     mov r11, [r14+0x48]
;;     sub dword ptr [r11], 0x64
;;     js L3
;; L0:
;;     mov r8d, 0x320
;; L1:
;;     sub r8d, 0x11
;;     js L4
;; L2:
;;     add edi, esi
;;     sub esi, 1
;;     test esi, esi
;;     jne L1
;;     mov eax, edi
;;     mov r14, [rbp-8]
;;     leave
;;     ret
;; L3:
;;     push 0xFFFFFFFFFFFFFFFF
;;     push 0
;;     mov r11, [r14+8]
;;     call qword ptr [r11+0x80]
;;     add rsp, 0x10
;;     jmp L0
;; L4:
;;     mov r8d, 0x320
;;     mov r11, [r14]
;;     cmp qword ptr [r11], 0xFFFFFFFFFFFFFFFF
;;     jne L5
;;     push rdi
;;     push rdi
;;     mov rdi, r14
;;     mov r11, [r14+8]
;;     call qword ptr [r11+0x70]
;;     pop rdi
;;     pop rdi
;; L5:
;;     mov r11, [r14+0x48]
;;     sub dword ptr [r11], 0x320
;;     jns L2
;;     push 0
;;     push 0
;;     mov r11, [r14+8]
;;     call qword ptr [r11+0x80]
;;     add rsp, 0x10
;;     test r11, r11
;;     je L2
;;     mov [rbp-0x10], esi
;;     mov [rbp-0x18], edi
;;     mov rdi, r14
;;     mov rsi, r14
;;     mov rdx, rbp
;;     call r11
;;     mov r14, [rbp-8]
;;     leave
;;     ret
;; function 1:
;;   frame 48, aligned to 32
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
;;     push rbx
;;     push r14
;;     sub rsp, 0x20
;;     mov r14, rdi
;;     mov ebx, edx
;;     mov r11, [r14+0x48]
;;     sub dword ptr [r11+4], 0x16
;;     js L4
;; L2:
;;     mov r11, [r14+0x40]
;;     add byte ptr [r11+0x3C], 1
;;     jb L5
;; L3:
;;     mov edx, 0
;;     mov rdi, r14
;;     mov rsi, r14
;;     call qword ptr [slot_of_defined_function_1]
;;     mov edx, 1
;;     mov rdi, r14
;;     mov rsi, r14
;;     call qword ptr [slot_of_defined_function_1]
;;     sub ebx, 1
;;     test ebx, ebx
;;     jne L2
;;     mov rbx, [rbp-8]
;;     mov r14, [rbp-0x10]
;;     leave
;;     ret
;; L4:
;;     push 0xFFFFFFFFFFFFFFFF
;;     push 1
;;     mov r11, [r14+8]
;;     call qword ptr [r11+0x80]
;;     add rsp, 0x10
;;     jmp L2
;; L5:
;;     add dword ptr [r11+0x3C], 0x100
;;     mov r11, [r14]
;;     cmp qword ptr [r11], 0xFFFFFFFFFFFFFFFF
;;     jne L6
;;     push rdi
;;     push rdi
;;     mov rdi, r14
;;     mov r11, [r14+8]
;;     call qword ptr [r11+0x70]
;;     pop rdi
;;     pop rdi
;; L6:
;;     mov r11, [r14+0x48]
;;     sub dword ptr [r11+4], 0x1200
;;     jns L3
;;     push 0
;;     push 1
;;     mov r11, [r14+8]
;;     call qword ptr [r11+0x80]
;;     add rsp, 0x10
;;     test r11, r11
;;     je L3
;;     mov [rbp-0x18], ebx
;;     mov rdi, r14
;;     mov rsi, r14
;;     mov rdx, rbp
;;     call r11
;;     mov rbx, [rbp-8]
;;     mov r14, [rbp-0x10]
;;     leave
;;     ret
