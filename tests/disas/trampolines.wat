;;! trampolines
;; Values travel in 16-byte cells; many results go there through the result pointer.
(module
  (type (func (param i32 f64 v128) (result i64)))
  (type (func (result f32 i32 i32 i32 i32 i32 i32 i32 i32 i32))))

;; entry into type 0:
;;   frame 16, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     sub rsp, 0x10
;;     mov [rsp], r12
;;     mov rax, rdx
;;     mov edx, [rcx]
;;     movsd xmm0, [rcx+0x10]
;;     movdqu xmm1, [rcx+0x20]
;;     mov r12, rcx
;;     call rax
;;     mov rcx, r12
;;     mov [rcx], rax
;;     mov r12, [rsp]
;;     add rsp, 0x10
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; host function of type 0:
;;   frame 64, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     sub rsp, 0x40
;;     mov [rsp+0x30], r14
;;     lea rcx, [rsp]
;;     mov [rsp], edx
;;     movsd [rsp+0x10], xmm0
;;     movdqu [rsp+0x20], xmm1
;;     mov rax, [rdi]
;;     mov rdx, rbp
;;     mov [rax+0x10], rdx
;;     mov rax, [rdi+0x28]
;;     mov rdx, rcx
;;     mov r14, rdi
;;     call rax
;;     test eax, eax
;;     jne L0
;;     mov rax, [rsp]
;;     mov r14, [rsp+0x30]
;;     add rsp, 0x40
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; L0:
;;     mov rdi, r14
;;     mov rax, [rdi+0x20]
;;     call rax
;;     ud2  ; trap: host function failed
;; entry into type 1:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mov r8, rdx
;;     mov rdx, rcx
;;     call r8
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; host function of type 1:
;;   frame 176, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     sub rsp, 0xB0
;;     mov [rsp+0xA0], rbx
;;     mov [rsp+0xA8], r12
;;     mov rbx, rdx
;;     mov rax, [rdi]
;;     mov rcx, rbp
;;     mov [rax+0x10], rcx
;;     mov rax, [rdi+0x28]
;;     mov r12, rdi
;;     lea rdx, [rsp]
;;     call rax
;;     test eax, eax
;;     jne L0
;;     movss xmm0, [rsp]
;;     mov eax, [rsp+0x10]
;;     mov ecx, [rsp+0x20]
;;     mov edx, [rsp+0x30]
;;     mov esi, [rsp+0x40]
;;     mov edi, [rsp+0x50]
;;     mov r8d, [rsp+0x60]
;;     mov r9d, [rsp+0x70]
;;     mov r10d, [rsp+0x80]
;;     mov r11d, [rsp+0x90]
;;     movss [rbx], xmm0
;;     mov [rbx+0x10], eax
;;     mov [rbx+0x20], ecx
;;     mov [rbx+0x30], edx
;;     mov [rbx+0x40], esi
;;     mov [rbx+0x50], edi
;;     mov [rbx+0x60], r8d
;;     mov [rbx+0x70], r9d
;;     mov [rbx+0x80], r10d
;;     mov [rbx+0x90], r11d
;;     mov rbx, [rsp+0xA0]
;;     mov r12, [rsp+0xA8]
;;     add rsp, 0xB0
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; L0:
;;     mov rdi, r12
;;     mov rax, [rdi+0x20]
;;     call rax
;;     ud2  ; trap: host function failed
