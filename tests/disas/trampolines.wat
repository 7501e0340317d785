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
;; C function of type 0:
;;   frame 96, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     sub rsp, 0x60
;;     mov [rsp+0x50], rbx
;;     mov [rsp+0x58], r12
;;     mov r12, rdi
;;     lea rax, [rsp]
;;     mov r8, rax
;;     mov [rsp], edx
;;     movsd [rsp+0x10], xmm0
;;     movdqu [rsp+0x20], xmm1
;;     mov rbx, [rdi]
;;     mov rax, rbp
;;     mov [rbx+0x10], rax
;;     mov eax, [rbx+0x1C]
;;     test eax, eax
;;     jne L2
;;     lea rdx, [rsp+0x30]
;;     mov dword ptr [rsp+0x30], 0x6C614375
;;     mov rdi, r12
;;     mov [rsp+0x38], rdi
;;     mov [rsp+0x40], rsi
;;     mov dword ptr [rbx+0x18], 1
;;     mov rax, [rdi+0x30]
;;     mov rdi, [rdi+0x38]
;;     mov ecx, 3
;;     mov rsi, rdx
;;     mov rdx, r8
;;     call rax
;;     mov dword ptr [rbx+0x18], 0
;;     mov dword ptr [rsp+0x30], 0
;;     test rax, rax
;;     mov rsi, rax
;;     jne L1
;; L0:
;;     mov rax, [rsp]
;;     mov rbx, [rsp+0x50]
;;     mov r12, [rsp+0x58]
;;     add rsp, 0x60
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; L1:
;;     mov rdi, r12
;;     mov rax, [rdi+0x40]
;;     call rax
;;     mov rdi, r12
;;     jmp L3
;; L2:
;;     mov rdx, r8
;;     mov rdi, r12
;;     mov rax, [rdi+0x28]
;;     call rax
;;     test eax, eax
;;     je L0
;;     mov rdi, r12
;; L3:
;;     mov rax, [rdi+0x20]
;;     mov rdi, r12
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
;; C function of type 1:
;;   frame 224, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     sub rsp, 0xE0
;;     mov [rsp+0xC0], rbx
;;     mov [rsp+0xC8], r12
;;     mov [rsp+0xD0], r13
;;     mov r12, rdx
;;     mov r13, rdi
;;     mov rbx, [rdi]
;;     mov rax, rbp
;;     mov [rbx+0x10], rax
;;     mov eax, [rbx+0x1C]
;;     test eax, eax
;;     jne L2
;;     lea r8, [rsp+0xA0]
;;     mov dword ptr [rsp+0xA0], 0x6C614375
;;     mov rdi, r13
;;     mov [rsp+0xA8], rdi
;;     mov [rsp+0xB0], rsi
;;     mov dword ptr [rbx+0x18], 1
;;     mov rax, [rdi+0x30]
;;     mov rdi, [rdi+0x38]
;;     lea rdx, [rsp]
;;     mov ecx, 0xA
;;     mov rsi, r8
;;     call rax
;;     mov dword ptr [rbx+0x18], 0
;;     mov dword ptr [rsp+0xA0], 0
;;     test rax, rax
;;     mov rsi, rax
;;     jne L1
;; L0:
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
;;     movss [r12], xmm0
;;     mov [r12+0x10], eax
;;     mov [r12+0x20], ecx
;;     mov [r12+0x30], edx
;;     mov [r12+0x40], esi
;;     mov [r12+0x50], edi
;;     mov [r12+0x60], r8d
;;     mov [r12+0x70], r9d
;;     mov [r12+0x80], r10d
;;     mov [r12+0x90], r11d
;;     mov rbx, [rsp+0xC0]
;;     mov r12, [rsp+0xC8]
;;     mov r13, [rsp+0xD0]
;;     add rsp, 0xE0
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; L1:
;;     mov rdi, r13
;;     mov rax, [rdi+0x40]
;;     call rax
;;     mov rdi, r13
;;     jmp L3
;; L2:
;;     mov rdi, r13
;;     mov rax, [rdi+0x28]
;;     lea rdx, [rsp]
;;     call rax
;;     test eax, eax
;;     je L0
;;     mov rdi, r13
;; L3:
;;     mov rax, [rdi+0x20]
;;     mov rdi, r13
;;     call rax
;;     ud2  ; trap: host function failed
