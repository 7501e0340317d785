//! The identity of this build: machine code that was kept is used by the build that made it, and by no other.
//!
//! A number over all sources, the versions of all dependencies, the compiler and what else changes what is
//! generated. It tells apart what differs by accident; what an artifact is worth is decided by its authentication.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// FNV-1a, 128 bits.
struct Hash(u128);

impl Hash {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().chain(&[0xFF]) {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013B);
        }
    }

    fn add_folder(&mut self, folder: &Path) {
        let mut entries: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                self.add_folder(&path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                self.add(path.to_string_lossy().as_bytes());
                self.add(&fs::read(&path).unwrap_or_default());
            }
        }
    }
}

fn main() {
    let mut hash = Hash(0x6C62_272E_07BB_0142_62B8_2175_6295_C58D);
    hash.add_folder(Path::new("src"));
    for file in ["Cargo.toml", "Cargo.lock"] {
        hash.add(&fs::read(file).unwrap_or_default());
        println!("cargo:rerun-if-changed={file}");
    }
    println!("cargo:rerun-if-changed=src");
    println!("cargo:rerun-if-changed=build.rs");
    // Not the machine that the engine runs on: kept code says for itself which it is for, and may come from another one.
    for name in ["OPT_LEVEL", "DEBUG", "CARGO_ENCODED_RUSTFLAGS", "CARGO_CFG_DEBUG_ASSERTIONS"] {
        hash.add(env::var(name).unwrap_or_default().as_bytes());
    }
    let mut features: Vec<String> =
        env::vars().map(|(name, _)| name).filter(|name| name.starts_with("CARGO_FEATURE_")).collect();
    features.retain(|name| name != "CARGO_FEATURE_ALL_ARCH");
    features.sort();
    features.iter().for_each(|feature| hash.add(feature.as_bytes()));
    let compiler = Command::new(env::var_os("RUSTC").unwrap_or_default()).arg("-vV").output();
    let compiler = String::from_utf8(compiler.map(|output| output.stdout).unwrap_or_default()).unwrap_or_default();
    compiler.lines().filter(|line| !line.starts_with("host:")).for_each(|line| hash.add(line.as_bytes()));
    println!("cargo:rustc-env=UPDRAFT_BUILD_ID={:032x}", hash.0);
}
