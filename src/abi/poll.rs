//! How loops ask for interrupts where faults are traps: by a load that faults.
//!
//!     mov rax, [store + STORE_POLL]
//!     mov eax, [rax]                   | a trap site with the code `Interrupt`; eax is read by nobody
//!
//! A store that wants attention makes the address null. The fault handler then sends the thread to a routine of the
//! runtime as if the second load were a call of it, which preserves all registers, returns behind the load.
//! There is no comparison, no branch and no second block: that is what it is for.
//!
//! Not here: polls without signals, and those of function entries, which compare the stack limit.

/// Length of the load that polls, `mov r32, [r64]` without an index or an offset, if `bytes` begin with one.
pub fn load_length(bytes: &[u8]) -> Option<usize> {
    let prefix = usize::from(bytes.first()? & 0xf0 == 0x40);
    let &[0x8b, modrm, ref rest @ ..] = bytes.get(prefix..)? else { return None };
    let (mode, base) = (modrm >> 6, modrm & 7);
    // rsp and r12 are written with a second byte that says so, rbp and r13 with an offset of 0.
    match (mode, base) {
        (0, 4) => (rest.first()? & 0x3f == 0x24).then_some(prefix + 3),
        (0, 5) => None,
        (0, _) => Some(prefix + 2),
        (1, 5) => (*rest.first()? == 0).then_some(prefix + 3),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_from_every_register_have_their_length() {
        for (bytes, length) in [
            (&[0x8b, 0x00][..], Some(2)),         // mov eax, [rax]
            (&[0x8b, 0x37], Some(2)),             // mov esi, [rdi]
            (&[0x45, 0x8b, 0x1b], Some(3)),       // mov r11d, [r11]
            (&[0x8b, 0x45, 0x00], Some(3)),       // mov eax, [rbp + 0]
            (&[0x41, 0x8b, 0x45, 0x00], Some(4)), // mov eax, [r13 + 0]
            (&[0x8b, 0x04, 0x24], Some(3)),       // mov eax, [rsp]
            (&[0x45, 0x8b, 0x24, 0x24], Some(4)), // mov r12d, [r12]
            (&[0x8b, 0x45, 0x08], None),          // mov eax, [rbp + 8]
            (&[0x8b, 0x04, 0x08], None),          // mov eax, [rax + rcx]
            (&[0x8b, 0x05, 0, 0, 0, 0], None),    // mov eax, [rip]
            (&[0x89, 0x00], None),                // mov [rax], eax
            (&[0x41], None),
            (&[], None),
        ] {
            assert_eq!(load_length(bytes), length, "{bytes:x?}");
        }
    }
}
