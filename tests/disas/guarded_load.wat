;; A guarded memory: no comparison, and the base is loaded once.
(module
  (memory 1)
  (func (param i32) (result i32)
    (i32.add (i32.load offset=8 (local.get 0)) (i32.load8_u offset=70000 (local.get 0)))))

;; function 0:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mov rdi, [rdi+0x50]
;;     mov r8d, edx
;;     mov r9d, [rdi+r8+8]  ; trap: out of bounds memory access
;;     movzx rdi, byte ptr [rdi+r8+0x11170]  ; trap: out of bounds memory access
;;     lea eax, [r9+rdi]
;;     mov rsp, rbp
;;     pop rbp
;;     ret
