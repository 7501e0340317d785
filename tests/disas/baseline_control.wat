;; Values that branches take along: one in rax, several at home, results of the function in its registers.
;;! baseline
(module
  (func (param i32) (result i32)
    (i32.add
      (block (result i32)
        (drop (br_if 0 (i32.const 3) (local.get 0)))
        (br_table 0 1 (i32.const 4) (local.get 0)))
      (i32.const 1)))
  (func (param i32) (result i32 i32)
    (block (result i32 i32)
      (br_if 0 (i32.const 1) (local.get 0) (i32.eqz (local.get 0)))
      (i32.mul (i32.const 5)))))

;; function 0:
;;   frame 32, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     sub rsp, 0x18
;;     mov r14, rdi
;;     mov esi, edx
;;     mov esi, esi
;;     test esi, esi
;;     mov eax, 3
;;     jne L2
;;     mov eax, 4
;;     mov ecx, esi
;;     mov r11d, 1
;;     cmp ecx, r11d
;;     cmova ecx, r11d
;;     lea r11, [L0]
;;     lea r11, [r11+rcx*4]
;;     movsxd rcx, [r11]
;;     lea r11, [r11+rcx+4]
;;     jmp r11
;; L0:
;;     .table L1
;; L1:
;;     add eax, [rax]
;;     add [rax], al
;; L2:
;;     add eax, 1
;;     mov r14, [rbp-8]
;;     leave
;;     ret
;; function 1:
;;   frame 48, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     sub rsp, 0x28
;;     mov r14, rdi
;;     mov esi, edx
;;     mov esi, esi
;;     test esi, esi
;;     mov dword ptr [rbp-0x18], 1
;;     mov r11d, esi
;;     mov [rbp-0x20], r11d
;;     je L0
;;     imul eax, [rbp-0x20], 5
;;     mov [rbp-0x20], eax
;; L0:
;;     mov eax, [rbp-0x18]
;;     mov ecx, [rbp-0x20]
;;     mov r14, [rbp-8]
;;     leave
;;     ret
