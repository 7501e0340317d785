;;! calls stay
;; What a hint says to be rare goes to the end of the function: the first arm of an `if`, the other one, what follows a
;; branch that is likely, and what only such code leads to.
(module
  (func $log (param i32))
  (func $then (param i32) (result i32)
    (@metadata.code.branch_hint "\00")
    (if (result i32) (local.get 0)
      (then
        (if (i32.lt_s (local.get 0) (i32.const 100)) (then (call $log (local.get 0))))
        (i32.const 1))
      (else (i32.add (local.get 0) (i32.const 2)))))
  (func $else (param i32) (result i32)
    (@metadata.code.branch_hint "\01")
    (if (result i32) (local.get 0)
      (then (i32.add (local.get 0) (i32.const 2)))
      (else (call $log (i32.const 3)) (i32.const 4))))
  (func $behind (param i32) (result i32)
    (block
      (@metadata.code.branch_hint "\01")
      (br_if 0 (local.get 0))
      (call $log (i32.const 5)))
    (i32.const 6))
  ;; The branch out of a loop is rare, what follows the loop is not.
  (func $loop (param i32) (result i32)
    (block
      (loop
        (@metadata.code.branch_hint "\00")
        (br_if 1 (i32.eqz (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (br 0)))
    (i32.const 7))
  ;; The way out in case of an error is.
  (func $error (param i32) (result i32)
    (block
      (loop
        (@metadata.code.branch_hint "\00")
        (br_if 1 (i32.eq (local.get 0) (i32.const 77)))
        (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (return (i32.const 8)))
    (call $log (local.get 0))
    (i32.const 9)))

;; function 0:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; function 1:
;;   frame 0, aligned to 32, starts 0x1
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
;;     mov rsi, rdi
;;     test edx, edx
;;     jne L3
;;     lea eax, [rdx+2]
;; L2:
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; L3:
;;     cmp edx, 0x64
;;     jge L4
;;     mov rdi, rsi
;;     call defined_function_0
;; L4:
;;     mov eax, 1
;;     jmp L2
;; function 2:
;;   frame 0, aligned to 32, starts 0x1
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
;;     test edx, edx
;;     je L3
;;     lea eax, [rdx+2]
;; L2:
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; L3:
;;     mov edx, 3
;;     mov rsi, rdi
;;     call defined_function_0
;;     mov eax, 4
;;     jmp L2
;; function 3:
;;   frame 0, aligned to 32, starts 0x1
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
;;     mov rsi, rdi
;;     test edx, edx
;;     je L3
;; L2:
;;     mov eax, 6
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; L3:
;;     mov edx, 5
;;     mov rdi, rsi
;;     call defined_function_0
;;     jmp L2
;; function 4:
;;   frame 0, aligned to 1, starts 0x1000001011111111
;; entry:
;;     push rbp
;;     mov rbp, rsp
;; L0:
;;     add edx, 0xFFFFFFFF
;;     test edx, edx
;;     jne L0
;;     mov eax, 7
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;;     jmp L0
;; function 5:
;;   frame 0, aligned to 32, starts 0x100000001
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
;;     mov rsi, rdi
;; L2:
;;     cmp edx, 0x4D
;;     je L4
;;     add edx, 0xFFFFFFFF
;;     test edx, edx
;;     jne L2
;;     mov eax, 8
;; L3:
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; L4:
;;     mov rdi, rsi
;;     call defined_function_0
;;     mov eax, 9
;;     jmp L3
