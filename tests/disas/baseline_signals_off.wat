;; Without signals, every check is a branch to a call of the helper that raises.
;;! baseline, signals off
(module
  (memory 1)
  (func (param i32) (result i32) (i32.load offset=4 (local.get 0)))
  (func (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1))))

;; function 0:
;;   frame 32, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     push r15
;;     sub rsp, 0x10
;;     mov r14, rdi
;;     mov esi, edx
;;     mov esi, esi
;;     mov r15, [r14+0x50]
;;     mov eax, esi
;;     mov rcx, [r14+0x58]
;;     add rcx, 0xFFFFFFFFFFFFFFF8
;;     cmp rax, rcx
;;     ja L0
;;     lea rax, [r15+rax+4]
;;     mov r11d, 0
;;     cmova rax, r11
;;     mov eax, [rax]
;;     mov r14, [rbp-8]
;;     mov r15, [rbp-0x10]
;;     leave
;;     ret
;; L0:
;;     mov esi, 2
;;     mov rdi, r14
;;     mov r11, [r14+8]
;;     call qword ptr [r11+0x68]
;;     ud2
;; function 1:
;;   frame 48, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     sub rsp, 0x28
;;     mov r14, rdi
;;     mov esi, edx
;;     mov edi, ecx
;;     mov esi, esi
;;     mov edi, edi
;;     mov eax, esi
;;     test edi, edi
;;     je L1
;;     cmp edi, 0xFFFFFFFF
;;     jne L0
;;     mov edx, eax
;;     neg edx
;;     jo L2
;; L0:
;;     cdq
;;     idiv edi
;;     mov r14, [rbp-8]
;;     leave
;;     ret
;; L1:
;;     mov esi, 9
;;     mov rdi, r14
;;     mov r11, [r14+8]
;;     call qword ptr [r11+0x68]
;;     ud2
;; L2:
;;     mov esi, 8
;;     mov rdi, r14
;;     mov r11, [r14+8]
;;     call qword ptr [r11+0x68]
;;     ud2
