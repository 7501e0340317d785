;; Static offsets are displacements, what is above an i32 is dropped before it is an address, and a memory without
;; guard pages is checked and masked.
;;! baseline
(module
  (memory 1)
  (memory $wide i64 1)
  (func (param i32) (result i32)
    (i32.store8 offset=3 (local.get 0) (i32.const 5))
    (i32.load16_s (i32.const 100)))
  (func (param i64) (result i64) (i64.load32_u (i32.wrap_i64 (local.get 0))))
  (func (param i64) (result i64) (i64.load $wide offset=65536 (local.get 0))))

;; function 0:
;;   frame 48, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     push r15
;;     sub rsp, 0x20
;;     mov r14, rdi
;;     mov esi, edx
;;     mov esi, esi
;;     mov r15, [r14+0x50]
;;     mov byte ptr [r15+rsi+3], 5  ; trap: out of bounds memory access
;;     movsx eax, word ptr [r15+0x64]  ; trap: out of bounds memory access
;;     mov r14, [rbp-8]
;;     mov r15, [rbp-0x10]
;;     leave
;;     ret
;; function 1:
;;   frame 32, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     push r15
;;     sub rsp, 0x10
;;     mov r14, rdi
;;     mov rsi, rdx
;;     mov r15, [r14+0x50]
;;     mov eax, esi
;;     mov eax, [r15+rax]  ; trap: out of bounds memory access
;;     mov r14, [rbp-8]
;;     mov r15, [rbp-0x10]
;;     leave
;;     ret
;; function 2:
;;   frame 32, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     sub rsp, 0x18
;;     mov r14, rdi
;;     mov rsi, rdx
;;     mov rax, rsi
;;     mov r11d, 0x10008
;;     add r11, rax
;;     sbb rcx, rcx
;;     or r11, rcx
;;     mov rcx, [r14+0x68]
;;     cmp r11, rcx
;;     mov rcx, [r14+0x60]
;;     lea rax, [rcx+rax+0x10000]
;;     mov r11d, 0
;;     cmova rax, r11
;;     mov rax, [rax]  ; trap: out of bounds memory access
;;     mov r14, [rbp-8]
;;     leave
;;     ret
