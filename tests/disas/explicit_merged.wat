;;! explicit
;; One check per index: what it covers needs none, and small offsets stay in the null page.
(module
  (memory 1)
  (func (param i32) (result i32)
    (i32.store offset=12 (local.get 0) (i32.load offset=12 (local.get 0)))
    (i32.add (i32.load offset=8 (local.get 0)) (i32.load (local.get 0)))))

;; function 0:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mov r10, [rdi+0x58]
;;     mov rax, [rdi+0x50]
;;     mov ecx, edx
;;     sub r10, 0x10
;;     xor rdx, rdx
;;     lea rsi, [rax+rcx]
;;     cmp rcx, r10
;;     cmova rsi, rdx
;;     mov eax, [rsi+0xC]  ; trap: out of bounds memory access
;;     mov eax, [rsi+8]  ; trap: out of bounds memory access
;;     add eax, [rsi]  ; trap: out of bounds memory access
;;     mov rsp, rbp
;;     pop rbp
;;     ret
