;; A small function is inlined into itself, a few levels deep.
(module
  (func $sum (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (local.get 0) (call $sum (i32.sub (local.get 0) (i32.const 1)))))
      (else (i32.const 0)))))

;; function 0:
;;   frame 16, aligned to 32
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
;;     mov rsi, rdi
;;     test edx, edx
;;     jne L2
;;     xor eax, eax
;;     jmp L9
;; L2:
;;     lea eax, [rdx-1]
;;     test eax, eax
;;     jne L3
;;     xor eax, eax
;;     jmp L8
;; L3:
;;     lea eax, [rdx-2]
;;     test eax, eax
;;     jne L4
;;     xor eax, eax
;;     jmp L7
;; L4:
;;     lea eax, [rdx-3]
;;     mov rbx, rdx
;;     test eax, eax
;;     jne L5
;;     xor eax, eax
;;     mov rdx, rbx
;;     jmp L6
;; L5:
;;     mov rax, rbx
;;     lea edx, [rax-4]
;;     mov rdi, rsi
;;     call defined_function_0
;;     mov rdx, rbx
;;     lea eax, [rdx+rax-3]
;; L6:
;;     lea eax, [rdx+rax-2]
;; L7:
;;     lea eax, [rdx+rax-1]
;; L8:
;;     add eax, edx
;; L9:
;;     mov rbx, [rsp]
;;     add rsp, 0x10
;;     mov rsp, rbp
;;     pop rbp
;;     ret
