;; The carry stays in the flags; one multiplication gives both halves.
(module
  (func (param i64 i64 i64 i64) (result i64 i64)
    (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
  (func (param i64 i64) (result i64 i64)
    (i64.mul_wide_u (local.get 0) (local.get 1))))

;; function 0:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mov rax, rdx
;;     add rax, r8
;;     adc rcx, r9
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; function 1:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mov rax, rdx
;;     mul rcx
;;     mov rcx, rdx
;;     mov rsp, rbp
;;     pop rbp
;;     ret
