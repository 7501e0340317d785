;; Alignment is checked, then the access is one locked instruction.
(module
  (memory 1 1 shared)
  (func (param i32 i32) (result i32)
    (i32.atomic.rmw.add offset=4 (local.get 0) (local.get 1)))
  (func (param i32 i32)
    (drop (i32.atomic.rmw.or (local.get 0) (local.get 1))))
  (func (param i32 i64)
    (i64.atomic.store (local.get 0) (local.get 1))))

;; function 0:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     test edx, 3
;;     jne L0
;;     mov r9, [rdi+0x50]
;;     mov r9, [r9]
;;     mov r10d, edx
;;     mov rax, rcx
;;     lock xadd [r9+r10+4], eax  ; trap: out of bounds memory access
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; L0:
;;     ud2  ; trap: unaligned atomic
;; function 1:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     test edx, 3
;;     jne L0
;;     mov r8, [rdi+0x50]
;;     mov r8, [r8]
;;     mov r9d, edx
;;     lock or [r8+r9], ecx  ; trap: out of bounds memory access
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; L0:
;;     ud2  ; trap: unaligned atomic
;; function 2:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     test edx, 7
;;     jne L0
;;     mov r8, [rdi+0x50]
;;     mov r8, [r8]
;;     mov r9d, edx
;;     mov [r8+r9], rcx  ; trap: out of bounds memory access
;;     mfence
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; L0:
;;     ud2  ; trap: unaligned atomic
