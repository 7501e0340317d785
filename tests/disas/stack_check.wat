;;! calls stay
;; The check before the body compares the stack pointer, or where it will be when the frame is large.
;; A function that calls nothing and has a small frame has none.
(module
  (func $leaf (param i32) (result i32) (local.get 0))
  (func $small (param i32) (result i32) (call $leaf (call $leaf (local.get 0))))
  ;; A frame of more than a page: the results are returned in it.
  (func $large (return (call $many)))
  (func $many
    (result i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    (result i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    (result i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    (result i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    (result i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    (result i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    (result i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    (result i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    (result i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    (result i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    (result i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    (result i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    (result i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    unreachable))

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
;;   frame 16, aligned to 32
;; L0:
;;     pop rbp
;;     call qword ptr [rdi+0x18]
;;     push rbp
;;     mov rbp, rsp
;;     jmp body
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mov r11, [rdi]
;;     cmp rbp, [r11]
;;     jb L0
;; body:
;;     sub rsp, 0x10
;;     mov [rsp], r12
;;     mov r12, rdi
;;     mov rsi, r12
;;     call defined_function_0
;;     mov rdx, rax
;;     mov rsi, r12
;;     mov rdi, rsi
;;     call defined_function_0
;;     mov r12, [rsp]
;;     add rsp, 0x10
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; function 2:
;;   frame 4160, aligned to 32
;; L0:
;;     pop rbp
;;     call qword ptr [rdi+0x18]
;;     push rbp
;;     mov rbp, rsp
;;     jmp body
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     mov r11, [rdi]
;;     lea r10, [rbp-0x1040]
;;     cmp r10, [r11]
;;     jb L0
;; body:
;;     sub rsp, 0x1040
;;     lea rdx, [rsp]
;;     mov rsi, rdi
;;     call defined_function_3
;;     mov r11, [rsp]
;;     mov r11, [rsp+0x10]
;;     mov r11, [rsp+0x20]
;;     mov r11, [rsp+0x30]
;;     mov r11, [rsp+0x40]
;;     mov r11, [rsp+0x50]
;;     mov r11, [rsp+0x60]
;;     mov r11, [rsp+0x70]
;;     mov r11, [rsp+0x80]
;;     mov r11, [rsp+0x90]
;;     mov r11, [rsp+0xA0]
;;     mov r11, [rsp+0xB0]
;;     mov r11, [rsp+0xC0]
;;     mov r11, [rsp+0xD0]
;;     mov r11, [rsp+0xE0]
;;     mov r11, [rsp+0xF0]
;;     mov r11, [rsp+0x100]
;;     mov r11, [rsp+0x110]
;;     mov r11, [rsp+0x120]
;;     mov r11, [rsp+0x130]
;;     mov r11, [rsp+0x140]
;;     mov r11, [rsp+0x150]
;;     mov r11, [rsp+0x160]
;;     mov r11, [rsp+0x170]
;;     mov r11, [rsp+0x180]
;;     mov r11, [rsp+0x190]
;;     mov r11, [rsp+0x1A0]
;;     mov r11, [rsp+0x1B0]
;;     mov r11, [rsp+0x1C0]
;;     mov r11, [rsp+0x1D0]
;;     mov r11, [rsp+0x1E0]
;;     mov r11, [rsp+0x1F0]
;;     mov r11, [rsp+0x200]
;;     mov r11, [rsp+0x210]
;;     mov r11, [rsp+0x220]
;;     mov r11, [rsp+0x230]
;;     mov r11, [rsp+0x240]
;;     mov r11, [rsp+0x250]
;;     mov r11, [rsp+0x260]
;;     mov r11, [rsp+0x270]
;;     mov r11, [rsp+0x280]
;;     mov r11, [rsp+0x290]
;;     mov r11, [rsp+0x2A0]
;;     mov r11, [rsp+0x2B0]
;;     mov r11, [rsp+0x2C0]
;;     mov r11, [rsp+0x2D0]
;;     mov r11, [rsp+0x2E0]
;;     mov r11, [rsp+0x2F0]
;;     mov r11, [rsp+0x300]
;;     mov r11, [rsp+0x310]
;;     mov r11, [rsp+0x320]
;;     mov r11, [rsp+0x330]
;;     mov r11, [rsp+0x340]
;;     mov r11, [rsp+0x350]
;;     mov r11, [rsp+0x360]
;;     mov r11, [rsp+0x370]
;;     mov r11, [rsp+0x380]
;;     mov r11, [rsp+0x390]
;;     mov r11, [rsp+0x3A0]
;;     mov r11, [rsp+0x3B0]
;;     mov r11, [rsp+0x3C0]
;;     mov r11, [rsp+0x3D0]
;;     mov r11, [rsp+0x3E0]
;;     mov r11, [rsp+0x3F0]
;;     mov r11, [rsp+0x400]
;;     mov r11, [rsp+0x410]
;;     mov r11, [rsp+0x420]
;;     mov r11, [rsp+0x430]
;;     mov r11, [rsp+0x440]
;;     mov r11, [rsp+0x450]
;;     mov r11, [rsp+0x460]
;;     mov r11, [rsp+0x470]
;;     mov r11, [rsp+0x480]
;;     mov r11, [rsp+0x490]
;;     mov r11, [rsp+0x4A0]
;;     mov r11, [rsp+0x4B0]
;;     mov r11, [rsp+0x4C0]
;;     mov r11, [rsp+0x4D0]
;;     mov r11, [rsp+0x4E0]
;;     mov r11, [rsp+0x4F0]
;;     mov r11, [rsp+0x500]
;;     mov r11, [rsp+0x510]
;;     mov r11, [rsp+0x520]
;;     mov r11, [rsp+0x530]
;;     mov r11, [rsp+0x540]
;;     mov r11, [rsp+0x550]
;;     mov r11, [rsp+0x560]
;;     mov r11, [rsp+0x570]
;;     mov r11, [rsp+0x580]
;;     mov r11, [rsp+0x590]
;;     mov r11, [rsp+0x5A0]
;;     mov r11, [rsp+0x5B0]
;;     mov r11, [rsp+0x5C0]
;;     mov r11, [rsp+0x5D0]
;;     mov r11, [rsp+0x5E0]
;;     mov r11, [rsp+0x5F0]
;;     mov r11, [rsp+0x600]
;;     mov r11, [rsp+0x610]
;;     mov r11, [rsp+0x620]
;;     mov r11, [rsp+0x630]
;;     mov r11, [rsp+0x640]
;;     mov r11, [rsp+0x650]
;;     mov r11, [rsp+0x660]
;;     mov r11, [rsp+0x670]
;;     mov r11, [rsp+0x680]
;;     mov r11, [rsp+0x690]
;;     mov r11, [rsp+0x6A0]
;;     mov r11, [rsp+0x6B0]
;;     mov r11, [rsp+0x6C0]
;;     mov r11, [rsp+0x6D0]
;;     mov r11, [rsp+0x6E0]
;;     mov r11, [rsp+0x6F0]
;;     mov r11, [rsp+0x700]
;;     mov r11, [rsp+0x710]
;;     mov r11, [rsp+0x720]
;;     mov r11, [rsp+0x730]
;;     mov r11, [rsp+0x740]
;;     mov r11, [rsp+0x750]
;;     mov r11, [rsp+0x760]
;;     mov r11, [rsp+0x770]
;;     mov r11, [rsp+0x780]
;;     mov r11, [rsp+0x790]
;;     mov r11, [rsp+0x7A0]
;;     mov r11, [rsp+0x7B0]
;;     mov r11, [rsp+0x7C0]
;;     mov r11, [rsp+0x7D0]
;;     mov r11, [rsp+0x7E0]
;;     mov r11, [rsp+0x7F0]
;;     mov r11, [rsp+0x800]
;;     mov r11, [rsp+0x810]
;;     mov r11, [rsp+0x820]
;;     mov r11, [rsp+0x830]
;;     mov r11, [rsp+0x840]
;;     mov r11, [rsp+0x850]
;;     mov r11, [rsp+0x860]
;;     mov r11, [rsp+0x870]
;;     mov r11, [rsp+0x880]
;;     mov r11, [rsp+0x890]
;;     mov r11, [rsp+0x8A0]
;;     mov r11, [rsp+0x8B0]
;;     mov r11, [rsp+0x8C0]
;;     mov r11, [rsp+0x8D0]
;;     mov r11, [rsp+0x8E0]
;;     mov r11, [rsp+0x8F0]
;;     mov r11, [rsp+0x900]
;;     mov r11, [rsp+0x910]
;;     mov r11, [rsp+0x920]
;;     mov r11, [rsp+0x930]
;;     mov r11, [rsp+0x940]
;;     mov r11, [rsp+0x950]
;;     mov r11, [rsp+0x960]
;;     mov r11, [rsp+0x970]
;;     mov r11, [rsp+0x980]
;;     mov r11, [rsp+0x990]
;;     mov r11, [rsp+0x9A0]
;;     mov r11, [rsp+0x9B0]
;;     mov r11, [rsp+0x9C0]
;;     mov r11, [rsp+0x9D0]
;;     mov r11, [rsp+0x9E0]
;;     mov r11, [rsp+0x9F0]
;;     mov r11, [rsp+0xA00]
;;     mov r11, [rsp+0xA10]
;;     mov r11, [rsp+0xA20]
;;     mov r11, [rsp+0xA30]
;;     mov r11, [rsp+0xA40]
;;     mov r11, [rsp+0xA50]
;;     mov r11, [rsp+0xA60]
;;     mov r11, [rsp+0xA70]
;;     mov r11, [rsp+0xA80]
;;     mov r11, [rsp+0xA90]
;;     mov r11, [rsp+0xAA0]
;;     mov r11, [rsp+0xAB0]
;;     mov r11, [rsp+0xAC0]
;;     mov r11, [rsp+0xAD0]
;;     mov r11, [rsp+0xAE0]
;;     mov r11, [rsp+0xAF0]
;;     mov r11, [rsp+0xB00]
;;     mov r11, [rsp+0xB10]
;;     mov r11, [rsp+0xB20]
;;     mov r11, [rsp+0xB30]
;;     mov r11, [rsp+0xB40]
;;     mov r11, [rsp+0xB50]
;;     mov r11, [rsp+0xB60]
;;     mov r11, [rsp+0xB70]
;;     mov r11, [rsp+0xB80]
;;     mov r11, [rsp+0xB90]
;;     mov r11, [rsp+0xBA0]
;;     mov r11, [rsp+0xBB0]
;;     mov r11, [rsp+0xBC0]
;;     mov r11, [rsp+0xBD0]
;;     mov r11, [rsp+0xBE0]
;;     mov r11, [rsp+0xBF0]
;;     mov r11, [rsp+0xC00]
;;     mov r11, [rsp+0xC10]
;;     mov r11, [rsp+0xC20]
;;     mov r11, [rsp+0xC30]
;;     mov r11, [rsp+0xC40]
;;     mov r11, [rsp+0xC50]
;;     mov r11, [rsp+0xC60]
;;     mov r11, [rsp+0xC70]
;;     mov r11, [rsp+0xC80]
;;     mov r11, [rsp+0xC90]
;;     mov r11, [rsp+0xCA0]
;;     mov r11, [rsp+0xCB0]
;;     mov r11, [rsp+0xCC0]
;;     mov r11, [rsp+0xCD0]
;;     mov r11, [rsp+0xCE0]
;;     mov r11, [rsp+0xCF0]
;;     mov r11, [rsp+0xD00]
;;     mov r11, [rsp+0xD10]
;;     mov r11, [rsp+0xD20]
;;     mov r11, [rsp+0xD30]
;;     mov r11, [rsp+0xD40]
;;     mov r11, [rsp+0xD50]
;;     mov r11, [rsp+0xD60]
;;     mov r11, [rsp+0xD70]
;;     mov r11, [rsp+0xD80]
;;     mov r11, [rsp+0xD90]
;;     mov r11, [rsp+0xDA0]
;;     mov r11, [rsp+0xDB0]
;;     mov r11, [rsp+0xDC0]
;;     mov r11, [rsp+0xDD0]
;;     mov r11, [rsp+0xDE0]
;;     mov r11, [rsp+0xDF0]
;;     mov r11, [rsp+0xE00]
;;     mov r11, [rsp+0xE10]
;;     mov r11, [rsp+0xE20]
;;     mov r11, [rsp+0xE30]
;;     mov r11, [rsp+0xE40]
;;     mov r11, [rsp+0xE50]
;;     mov r11, [rsp+0xE60]
;;     mov r11, [rsp+0xE70]
;;     mov r11, [rsp+0xE80]
;;     mov r11, [rsp+0xE90]
;;     mov r11, [rsp+0xEA0]
;;     mov r11, [rsp+0xEB0]
;;     mov r11, [rsp+0xEC0]
;;     mov r11, [rsp+0xED0]
;;     mov r11, [rsp+0xEE0]
;;     mov r11, [rsp+0xEF0]
;;     mov r11, [rsp+0xF00]
;;     mov r11, [rsp+0xF10]
;;     mov r11, [rsp+0xF20]
;;     mov r11, [rsp+0xF30]
;;     mov r11, [rsp+0xF40]
;;     mov r11, [rsp+0xF50]
;;     mov r11, [rsp+0xF60]
;;     mov r11, [rsp+0xF70]
;;     mov r11, [rsp+0xF80]
;;     mov r11, [rsp+0xF90]
;;     mov r11, [rsp+0xFA0]
;;     mov r11, [rsp+0xFB0]
;;     mov r11, [rsp+0xFC0]
;;     mov r11, [rsp+0xFD0]
;;     mov r11, [rsp+0xFE0]
;;     mov r11, [rsp+0xFF0]
;;     mov r11, [rsp+0x1000]
;;     mov r11, [rsp+0x1010]
;;     mov r11, [rsp+0x1020]
;;     mov r11, [rsp+0x1030]
;;     add rsp, 0x1040
;;     mov rsp, rbp
;;     pop rbp
;;     ret
;; function 3:
;;   frame 0, aligned to 32
;; entry:
;;     push rbp
;;     mov rbp, rsp
;;     ud2  ; trap: unreachable
