;; Small callees stand in place of their calls, in loops larger ones, too. `return` is a jump to their end.
(module
  (global $g (mut i32) (i32.const 0))
  (func $get (param i32) (result i32) (i32.add (local.get 0) (i32.const 5)))
  (func $clamp (param i32) (result i32)
    (if (i32.gt_u (local.get 0) (i32.const 99)) (then (return (i32.const 99))))
    (i32.mul (local.get 0) (local.get 0)))
  (func $own (param i32) (result i32) (call $get (call $get (local.get 0))))
  (func $sum (param i32) (result i32) (local i32)
    (loop $next
      (local.set 1 (i32.add (local.get 1) (call $clamp (local.get 0))))
      (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1)))

;; function 0:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     lea eax, [rdx+5]
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; function 1:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     cmp edx, 0x63
;;     ja L0
;;     imul edx, edx
;;     mov rax, rdx
;;     jmp L1
;; L0:
;;     mov eax, 0x63
;; L1:
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; function 2:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     lea eax, [rdx+0xA]
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; function 3:
;;   frame 0, aligned to 1, starts 0x1000000000001111
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     xor eax, eax
;; L0:
;;     cmp edx, 0x63
;;     ja L1
;;     mov r9, rdx
;;     imul r9d, edx
;;     jmp L2
;; L1:
;;     mov r9d, 0x63
;; L2:
;;     add edx, 0xFFFFFFFF
;;     add eax, r9d
;;     test edx, edx
;;     jne L0
;;     mov rsp, rbp
;;     pop rbp
;;     ret
