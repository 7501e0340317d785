;;! interrupts
;; One comparison per iteration; the call lies behind the code.
(module
  (func (param i32) (result i32) (local i32)
    (loop $again
      (local.set 1 (i32.add (local.get 1) (local.get 0)))
      (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1)))

;; function 0:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     xor eax, eax
;;     mov rcx, [rdi]
;; L0:
;;     mov rsi, [rcx]
;;     cmp rsi, 0xFFFFFFFFFFFFFFFF
;;     je L3
;; L1:
;;     mov rsi, rdx
;;     sub esi, 1
;;     add eax, edx
;;     test esi, esi
;;     je L2
;;     mov rdx, rsi
;;     jmp L0
;; L2:
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; L3:
;;     mov rsi, [rdi+8]
;;     mov rsi, [rsi+0x70]
;;     call rsi
;;     jmp L1
