;; A table that never changes: the index is compared with the places of the functions that have the type.
(module
  (type $t (func (param i32) (result i32)))
  (table 10 funcref)
  (elem (i32.const 3) $f $g)
  (func $f (type $t) (local.get 0))
  (func $g (type $t) (i32.const 1))
  (func (param i32 i32) (result i32)
    (i32.add (call_indirect (type $t) (local.get 0) (local.get 1)) (i32.const 1))))

;; function 0:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mov rax, rdx
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; function 1:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mov eax, 1
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; function 2:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     cmp ecx, 3
;;     je L0
;;     cmp ecx, 4
;;     jne L1
;;     mov edx, 1
;; L0:
;;     lea eax, [rdx+1]
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; L1:
;;     mov rax, [rdi+0x58]
;;     mov edx, ecx
;;     xor rcx, rcx
;;     mov rsi, rdx
;;     shl rsi, 3
;;     add rsi, [rdi+0x50]
;;     cmp rdx, rax
;;     cmovae rsi, rcx
;;     mov rax, [rsi]  ; trap: undefined element
;;     mov eax, [rax+0x10]  ; trap: uninitialized element
;;     ud2  ; trap: indirect call type mismatch
