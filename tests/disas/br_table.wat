;; A bound check, masked against speculation, and a table of distances.
(module
  (func (param i32) (result i32)
    (block $a
      (block $b
        (block $c
          (block $d
            (br_table $a $b $c $d (local.get 0)))
          (return (i32.const 40)))
        (return (i32.const 30)))
      (return (i32.const 20)))
    (i32.const 10)))

;; function 0:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mov r9d, 3
;;     mov r10d, edx
;;     cmp r10d, r9d
;;     cmovb r9d, r10d
;;     lea rcx, [L0]
;;     movsxd rax, [rcx+r9*4]
;;     add rcx, rax
;;     jmp rcx
;; L0:
;;     .table L3, L2, L1, L4
;; L1:
;;     mov eax, 0x1E
;;     jmp L5
;; L2:
;;     mov eax, 0x14
;;     jmp L5
;; L3:
;;     mov eax, 0xA
;;     jmp L5
;; L4:
;;     mov eax, 0x28
;; L5:
;;     mov rsp, rbp
;;     pop rbp
;;     ret
