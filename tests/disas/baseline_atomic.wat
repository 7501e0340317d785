;; Atomic accesses: the alignment is checked, stores exchange, and what has no instruction tries until it succeeds.
;;! baseline
(module
  (memory 1 1 shared)
  (func (param i32 i64) (i64.atomic.store offset=8 (local.get 0) (local.get 1)))
  (func (param i32 i32) (result i32) (i32.atomic.rmw16.sub_u (local.get 0) (local.get 1)))
  (func (param i32 i32) (result i32) (i32.atomic.rmw.xor (local.get 0) (local.get 1)))
  (func (param i32 i32 i32) (result i32)
    (i32.atomic.rmw8.cmpxchg_u offset=3 (local.get 0) (local.get 1) (local.get 2))))

;; function 0:
;;   frame 48, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     push r15
;;     sub rsp, 0x20
;;     mov r14, rdi
;;     mov [rbp-0x18], edx
;;     mov [rbp-0x20], rcx
;;     mov r15, [r14+0x50]
;;     mov r15, [r15]
;;     mov rax, [rbp-0x20]
;;     test dword ptr [rbp-0x18], 7
;;     jne L0
;;     mov ecx, [rbp-0x18]
;;     xchg [r15+rcx+8], rax  ; trap: out of bounds memory access
;;     mov r14, [rbp-8]
;;     mov r15, [rbp-0x10]
;;     leave
;;     ret
;; L0:
;;     ud2  ; trap: unaligned atomic
;; function 1:
;;   frame 48, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     push r15
;;     sub rsp, 0x20
;;     mov r14, rdi
;;     mov [rbp-0x18], edx
;;     mov [rbp-0x20], ecx
;;     mov r15, [r14+0x50]
;;     mov r15, [r15]
;;     mov eax, [rbp-0x20]
;;     test dword ptr [rbp-0x18], 1
;;     jne L0
;;     mov ecx, [rbp-0x18]
;;     neg rax
;;     lock xadd [r15+rcx], ax  ; trap: out of bounds memory access
;;     movzx eax, ax
;;     mov r14, [rbp-8]
;;     mov r15, [rbp-0x10]
;;     leave
;;     ret
;; L0:
;;     ud2  ; trap: unaligned atomic
;; function 2:
;;   frame 48, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     push r15
;;     sub rsp, 0x20
;;     mov r14, rdi
;;     mov [rbp-0x18], edx
;;     mov [rbp-0x20], ecx
;;     mov r15, [r14+0x50]
;;     mov r15, [r15]
;;     mov ecx, [rbp-0x20]
;;     test dword ptr [rbp-0x18], 3
;;     jne L1
;;     mov edx, [rbp-0x18]
;;     mov eax, [r15+rdx]  ; trap: out of bounds memory access
;; L0:
;;     mov r11, rax
;;     xor r11, rcx
;;     lock cmpxchg [r15+rdx], r11d  ; trap: out of bounds memory access
;;     jne L0
;;     mov r14, [rbp-8]
;;     mov r15, [rbp-0x10]
;;     leave
;;     ret
;; L1:
;;     ud2  ; trap: unaligned atomic
;; function 3:
;;   frame 64, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     push r14
;;     push r15
;;     sub rsp, 0x30
;;     mov r14, rdi
;;     mov [rbp-0x18], edx
;;     mov [rbp-0x20], ecx
;;     mov [rbp-0x28], r8d
;;     mov r15, [r14+0x50]
;;     mov r15, [r15]
;;     mov eax, [rbp-0x20]
;;     mov ecx, [rbp-0x28]
;;     mov edx, [rbp-0x18]
;;     lock cmpxchg [r15+rdx+3], cl  ; trap: out of bounds memory access
;;     movzx eax, al
;;     mov r14, [rbp-8]
;;     mov r15, [rbp-0x10]
;;     leave
;;     ret
