;;! interrupts
;; One comparison per iteration; the call lies behind the code.
(module
  (func (param i32) (result i32) (local i32)
    (loop $again
      (local.set 1 (i32.add (local.get 1) (local.get 0)))
      (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1)))

;; function 0:
;;   frame 32, aligned to 1
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     sub rsp, 0x20
;;     mov [rsp], rbx
;;     mov [rsp+8], r12
;;     mov [rsp+0x10], r13
;;     mov [rsp+0x18], r15
;;     mov r13, rdx
;;     xor eax, eax
;;     mov r15, rax
;;     mov r12, [rdi]
;; L0:
;;     mov rax, [r12]
;;     cmp rax, 0xFFFFFFFFFFFFFFFF
;;     je L3
;;     mov rdx, r13
;;     mov rbx, rdi
;; L1:
;;     mov rcx, rdx
;;     sub ecx, 1
;;     mov rax, r15
;;     add eax, edx
;;     test ecx, ecx
;;     je L2
;;     mov rdi, rbx
;;     mov r13, rcx
;;     mov r15, rax
;;     jmp L0
;; L2:
;;     mov rbx, [rsp]
;;     mov r12, [rsp+8]
;;     mov r13, [rsp+0x10]
;;     mov r15, [rsp+0x18]
;;     add rsp, 0x20
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; L3:
;;     mov rbx, rdi
;;     mov rax, [rbx+8]
;;     mov rax, [rax+0x70]
;;     call rax
;;     mov rdx, r13
;;     jmp L1
