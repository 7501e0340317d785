;; An import brings its own vmctx; ours is its caller.
(module
  (import "m" "f" (func $f (param i32) (result i32)))
  (func (param i32) (result i32)
    (i32.add (call $f (local.get 0)) (i32.const 1))))

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
;;     mov r8, [rdi+0x50]
;;     mov rsi, rdi
;;     mov r8, [r8]
;;     mov r11, rsi
;;     mov rdi, [r11+0x58]
;;     call r8
;;     add eax, 1
;;     mov rsp, rbp
;;     pop rbp
;;     ret
