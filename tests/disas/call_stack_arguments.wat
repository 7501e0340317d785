;;! calls stay
(module
  (func (param i32 i64 i32 i32 i32 i32 i64 f32) (result i32)
    local.get 5)
  (func (param i32) (result i32)
    local.get 0
    i64.const 1
    i32.const 2
    i32.const 3
    i32.const -4
    local.get 0
    i64.const 6
    f32.const 7
    call 0)
)

;; function 0:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mov rax, [rbp+0x18]
;;     mov rsp, rbp
;;     pop rbp
;;     ret 0x20
;; function 1:
;;   frame 32, aligned to 32
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
;;     sub rsp, 0x20
;;     mov ecx, 1
;;     mov r8d, 2
;;     mov r9d, 3
;;     mov esi, 0xFFFFFFFC
;;     mov eax, 6
;;     mov r11d, 0x40E00000
;;     movd xmm0, r11d
;;     mov r11d, esi
;;     mov [rsp], r11
;;     mov esi, edx
;;     mov [rsp+8], rsi
;;     mov [rsp+0x10], rax
;;     mov rsi, rdi
;;     call defined_function_0
;;     sub rsp, 0x20
;;     add rsp, 0x20
;;     mov rsp, rbp
;;     pop rbp
;;     ret
