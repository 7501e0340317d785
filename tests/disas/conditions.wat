;; Comparisons are not materialised where they are used as conditions.
(module
  (func (param i32 i32) (result i32)
    (if (result i32) (i32.lt_s (local.get 0) (local.get 1)) (then (i32.const 1)) (else (i32.const 2))))
  (func (param i64 i64) (result i64)
    (select (local.get 0) (local.get 1) (i64.gt_u (local.get 0) (local.get 1))))
  (func (param i32) (result i32)
    (block (br_if 0 (i32.eqz (i32.and (local.get 0) (i32.const 4)))) (return (i32.const 7)))
    (i32.const 8))
  (func (param f64 f64) (result i32)
    (if (result i32) (i32.eqz (f64.lt (local.get 0) (local.get 1))) (then (i32.const 1)) (else (i32.const 2)))))

;; function 0:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     cmp edx, ecx
;;     jl L0
;;     mov eax, 2
;;     jmp L1
;; L0:
;;     mov eax, 1
;; L1:
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; function 1:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     cmp rcx, rdx
;;     mov rax, rdx
;;     cmovae rax, rcx
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; function 2:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     test edx, 4
;;     jne L0
;;     mov eax, 8
;;     jmp L1
;; L0:
;;     mov eax, 7
;; L1:
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; function 3:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     ucomisd xmm1, xmm0
;;     ja L0
;;     mov eax, 1
;;     jmp L1
;; L0:
;;     mov eax, 2
;; L1:
;;     mov rsp, rbp
;;     pop rbp
;;     ret
