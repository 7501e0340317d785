//! The text format, where the `wat` feature is compiled in.

use std::borrow::Cow;

use crate::error::Result;

/// The binary form of a module that may be text.
///
/// Text starts with a parenthesis or a comment; all else is left to the decoder, so that a truncated or
/// empty file is reported as what it most likely is.
#[cfg(feature = "wat")]
pub fn to_binary(bytes: &[u8]) -> Result<Cow<'_, [u8]>> {
    if !bytes.trim_ascii_start().starts_with(b"(") && !bytes.trim_ascii_start().starts_with(b";;") {
        return Ok(Cow::Borrowed(bytes));
    }
    wat::parse_bytes(bytes).map_err(|error| crate::error::Error::Text { reason: error.to_string().into() })
}

/// The binary form of a module: the bytes themselves, since text is not compiled in.
#[cfg(not(feature = "wat"))]
pub fn to_binary(bytes: &[u8]) -> Result<Cow<'_, [u8]>> {
    Ok(Cow::Borrowed(bytes))
}

#[cfg(all(test, feature = "wat"))]
mod tests {
    use super::to_binary;
    use crate::error::Error;

    #[test]
    fn text_becomes_binary_and_the_rest_stays() {
        assert_eq!(&*to_binary(b"\n ;; a comment\n(module)").unwrap(), b"\0asm\x01\0\0\0");
        assert_eq!(&*to_binary(b"(; block ;) (module)").unwrap(), b"\0asm\x01\0\0\0");
        for bytes in [&b""[..], b"\0asm\x01", b"\x7fELF"] {
            assert_eq!(&*to_binary(bytes).unwrap(), bytes);
        }
    }

    #[test]
    fn text_errors_say_where() {
        match to_binary(b"(module\n  (func (nonsense)))") {
            Err(Error::Text { reason }) => assert!(reason.contains(":2:"), "{reason}"),
            _ => panic!("not an error of the text"),
        }
    }
}
