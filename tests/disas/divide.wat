;; The processor finds the division by zero.
(module
  (func (param i32 i32) (result i32)
    (i32.div_s (local.get 0) (local.get 1)))
  (func (param i32 i32) (result i32)
    (i32.rem_u (local.get 0) (local.get 1))))

;; function 0:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mov rax, rdx
;;     cdq
;;     test ecx, ecx
;;     je L0
;;     idiv ecx  ; trap: integer overflow
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; L0:
;;     ud2  ; trap: integer divide by zero
;; function 1:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mov rax, rdx
;;     xor rdx, rdx
;;     div ecx  ; trap: integer divide by zero
;;     mov rax, rdx
;;     mov rsp, rbp
;;     pop rbp
;;     ret
