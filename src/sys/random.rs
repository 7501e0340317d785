//! Random bytes, for keys.

use crate::error::{Error, Result};

/// Bytes that nobody can guess.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0u8; N];
    let mut done = 0;
    while done < N {
        let rest = &mut bytes[done..];
        // SAFETY: writes up to `rest.len()` bytes to `rest`.
        let got = unsafe { libc::getrandom(rest.as_mut_ptr().cast(), rest.len(), 0) };
        match usize::try_from(got) {
            Ok(got) => done += got,
            Err(_) => {
                let error = Error::last_os("random bytes");
                if !matches!(&error, Error::System { source, .. } if source.kind() == std::io::ErrorKind::Interrupted) {
                    return Err(error);
                }
            }
        }
    }
    Ok(bytes)
}

/// Bytes that nobody can guess, the same whenever this process asks.
pub fn process_secret() -> Result<[u8; 32]> {
    static SECRET: once_cell::sync::OnceCell<[u8; 32]> = once_cell::sync::OnceCell::new();
    SECRET.get_or_try_init(random).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_alike() {
        let (one, two) = (random::<32>().unwrap(), random::<32>().unwrap());
        assert!(one != two && one != [0; 32]);
    }
}
