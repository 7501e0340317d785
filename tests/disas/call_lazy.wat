;;! lazy, calls stay
;; The portable baseline tier calls through slots.
(module
  (func $callee (param i32) (result i32) (local.get 0))
  (func (param i32) (result i32)
    (i32.add (call $callee (local.get 0)) (i32.const 1))))

;; function 0:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mov rax, rdx
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; function 1:
;;   frame 0, aligned to 32
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
;;     mov r8, [slot_of_defined_function_0]
;;     mov rsi, rdi
;;     mov r9, rdi
;;     call r8
;;     add eax, 1
;;     mov rsp, rbp
;;     pop rbp
;;     ret
