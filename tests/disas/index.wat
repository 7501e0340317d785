;; Constants and shifts of indices that cannot wrap become parts of the address; those that can wrap do not.
(module
  (memory 1)
  ;; A table of words behind 1024, indexed by a byte.
  (func (param i32) (result i32)
    (i32.load offset=4 (i32.add (i32.shl (i32.load8_u (local.get 0)) (i32.const 2)) (i32.const 1024))))
  ;; A mask that changes nothing, and bits from above.
  (func (param i32) (result i32)
    (i32.load8_u (i32.add (i32.and (i32.shr_u (local.get 0) (i32.const 24)) (i32.const 255)) (i32.const 16))))
  ;; May wrap.
  (func (param i32) (result i32)
    (i32.load (i32.add (i32.shl (local.get 0) (i32.const 2)) (i32.const 1024))))
  ;; A loaded index is wide.
  (func (param i32) (result i32) (i32.load offset=8 (i32.load offset=8 (local.get 0)))))

;; function 0:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mov rsi, [rdi+0x50]
;;     mov edi, edx
;;     movzx rdi, byte ptr [rsi+rdi]  ; trap: out of bounds memory access
;;     mov eax, [rsi+rdi*4+0x404]  ; trap: out of bounds memory access
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; function 1:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mov rsi, [rdi+0x50]
;;     shr edx, 0x18
;;     movzx rax, byte ptr [rsi+rdx+0x10]  ; trap: out of bounds memory access
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; function 2:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mov rsi, [rdi+0x50]
;;     shl edx, 2
;;     lea edi, [rdx+0x400]
;;     mov eax, [rsi+rdi]  ; trap: out of bounds memory access
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; function 3:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mov rsi, [rdi+0x50]
;;     mov edi, edx
;;     mov edi, [rsi+rdi+8]  ; trap: out of bounds memory access
;;     mov eax, [rsi+rdi+8]  ; trap: out of bounds memory access
;;     mov rsp, rbp
;;     pop rbp
;;     ret
