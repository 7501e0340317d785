;;! interrupts
;; One comparison per iteration; the call lies behind the code.
(module
  (func (param i32) (result i32) (local i32)
    (loop $again
      (local.set 1 (i32.add (local.get 1) (local.get 0)))
      (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1)))

;; function 0:
;;   frame 0, aligned to 1, starts 0x1100001011111111
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     xor eax, eax
;;     mov r11, [rdi]
;; L0:
;;     mov rcx, [r11+0x28]
;;     mov ecx, [rcx]  ; trap: interrupted
;;     lea ecx, [rdx-1]
;;     add eax, edx
;;     test ecx, ecx
;;     je L1
;;     mov rdx, rcx
;;     jmp L0
;; L1:
;;     mov rsp, rbp
;;     pop rbp
;;     ret
