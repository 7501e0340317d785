//! Stand-ins for WASI in a library without it: types of which there are no values.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::runtime::linker::Linker;

pub(super) enum Access {
    ReadOnly,
    ReadWrite,
}

#[allow(dead_code)]
pub(super) enum Input {
    Inherit,
    Bytes(Vec<u8>),
    File(File),
    Callback(Box<dyn FnMut(&mut [u8]) -> io::Result<usize> + Send>),
}

#[allow(dead_code)]
pub(super) enum Output {
    Inherit,
    Buffer { limit: usize },
    File(File),
    Callback(Box<dyn FnMut(&[u8]) -> io::Result<usize> + Send>),
}

#[derive(Default)]
pub(super) struct WasiConfig {
    _private: (),
}

impl WasiConfig {
    pub(super) fn arg(&mut self, _: impl Into<Vec<u8>>) {}
    pub(super) fn env(&mut self, _: impl Into<Vec<u8>>, _: impl Into<Vec<u8>>) {}
    pub(super) fn inherit_env(&mut self) {}
    pub(super) fn preopen(&mut self, _: impl Into<PathBuf>, _: impl Into<Vec<u8>>, _: Access) {}
    pub(super) fn socket(&mut self, _: impl Into<OwnedFd>) {}
    pub(super) fn stdin(&mut self, _: Input) {}
    pub(super) fn stdout(&mut self, _: Output) {}
    pub(super) fn stderr(&mut self, _: Output) {}
    pub(super) fn inherit_stdio(&mut self) {}
    pub(super) fn virtual_clock(&mut self, _: u64, _: u64) {}
    pub(super) fn random_seed(&mut self, _: u64) {}
    pub(super) fn max_descriptors(&mut self, _: u32) {}
}

pub(super) enum Wasi {}

impl Wasi {
    pub(super) fn new(_: WasiConfig) -> Result<Wasi> {
        Err(Error::Unsupported { offset: 0, feature: "wasi is not in this library".into() })
    }
    pub(super) fn stdout(&self) -> Vec<u8> {
        match *self {}
    }
    pub(super) fn stderr(&self) -> Vec<u8> {
        match *self {}
    }
    pub(super) fn add_to_linker(&self, _: &mut Linker) -> Result<()> {
        match *self {}
    }
}
