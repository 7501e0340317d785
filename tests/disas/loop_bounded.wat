;;! interrupts, calls stay
;; Loops that end soon, or call their function, have no poll.
(module
  (memory 1)
  ;; A counter with constant bounds, as compilers leave it.
  (func $counted (local i32 i32)
    (loop $l
      (local.set 1 (i32.ne (local.get 0) (i32.const 4088)))
      (i64.store (local.get 0) (i64.const 0))
      (local.set 0 (i32.add (local.get 0) (i32.const 8)))
      (br_if $l (local.get 1))))
  ;; The bound is a constant away from where the counter starts; the exit is at the top.
  (func $distance (param i32) (local i32)
    (local.set 1 (i32.add (local.get 0) (i32.const 64)))
    (block $out
      (loop $l
        (br_if $out (i32.eq (local.get 0) (local.get 1)))
        (i32.store (local.get 0) (i32.const 0))
        (local.set 0 (i32.add (local.get 0) (i32.const 4)))
        (br $l))))
  (func $recursive (param i32)
    (loop $l
      (call $recursive (local.get 0))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  ;; Nobody knows how far.
  (func $unknown (param i32)
    (loop $l
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  ;; The inner loop ends soon, but all of them together do not.
  (func $nested (local i32 i32)
    (loop $outer
      (local.set 1 (i32.const 0))
      (loop $inner
        (br_if $inner (i32.lt_u (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (i32.const 10000))))
      (br_if $outer (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 10000))))))

;; function 0:
;;   frame 0, aligned to 1, starts 0x1100000001111111
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     xor edx, edx
;;     mov rdi, [rdi+0x50]
;; L0:
;;     mov r8d, edx
;;     mov qword ptr [rdi+r8], 0  ; trap: out of bounds memory access
;;     add edx, 8
;;     cmp edx, 0x1000
;;     jb L0
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; function 1:
;;   frame 0, aligned to 1, starts 0x1100010000011111
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mov rdi, [rdi+0x50]
;;     mov rsi, rdx
;; L0:
;;     lea r8d, [rdx+0x40]
;;     cmp esi, r8d
;;     je L1
;;     mov r10d, esi
;;     mov dword ptr [rdi+r10], 0  ; trap: out of bounds memory access
;;     add esi, 4
;;     jmp L0
;; L1:
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; function 2:
;;   frame 16, aligned to 32, starts 0x1
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
;;     mov [rsp], r12
;;     mov [rsp+8], r13
;;     mov r13, rdi
;;     mov r12, rdx
;; L2:
;;     mov rdx, r12
;;     mov rsi, r13
;;     mov rdi, r13
;;     call defined_function_2
;;     add r12d, 0xFFFFFFFF
;;     test r12d, r12d
;;     jne L2
;;     mov r12, [rsp]
;;     mov r13, [rsp+8]
;;     add rsp, 0x10
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; function 3:
;;   frame 0, aligned to 1, starts 0x1000001111111111
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mov rdi, [rdi]
;; L0:
;;     mov r8, [rdi+0x28]
;;     mov r8d, [r8]  ; trap: interrupted
;;     add edx, 0xFFFFFFFF
;;     test edx, edx
;;     jne L0
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; function 4:
;;   frame 0, aligned to 1, starts 0x1100000000000111
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     xor edx, edx
;;     mov rax, [rdi]
;; L0:
;;     mov rcx, [rax+0x28]
;;     mov ecx, [rcx]  ; trap: interrupted
;;     xor r9d, r9d
;; L1:
;;     add r9d, 1
;;     cmp r9d, 0x2710
;;     jb L1
;;     add edx, 1
;;     cmp edx, 0x2710
;;     jb L0
;;     mov rsp, rbp
;;     pop rbp
;;     ret
