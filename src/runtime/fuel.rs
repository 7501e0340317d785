//! The fuel of a store: what machine code may still do.
//!
//! Code takes it (`tier/fuel.rs` says how much and when); the host reads and sets it, from outside of calls or in a host
//! function. Machine code keeps nothing of it in registers across calls, so that both see the same.

use super::store::Store;
use crate::error::{Error, Result};

impl Store {
    /// Fuel that is left: 0 after a trap for want of it. Fails in an engine without fuel.
    pub fn fuel(&self) -> Result<u64> {
        self.needs_fuel()?;
        // SAFETY: only the thread that uses the store gets here. Negative: a run of operators wanted more than there was.
        let left = unsafe { (*self.inner().vm()).fuel };
        Ok(u64::try_from(left).unwrap_or(0))
    }

    /// Sets how much fuel is left. More than `i64::MAX` is `i64::MAX`. Fails in an engine without fuel.
    pub fn set_fuel(&mut self, fuel: u64) -> Result<()> {
        self.needs_fuel()?;
        let fuel = i64::try_from(fuel).unwrap_or(i64::MAX);
        // SAFETY: as above.
        unsafe { (*self.inner_mut().vm()).fuel = fuel };
        Ok(())
    }

    /// Adds to the fuel that is left; how much it is then.
    pub fn add_fuel(&mut self, fuel: u64) -> Result<u64> {
        let left = self.fuel()?;
        self.set_fuel(left.saturating_add(fuel))?;
        self.fuel()
    }

    fn needs_fuel(&self) -> Result<()> {
        if self.engine().config().fuel {
            return Ok(());
        }
        Err(Error::misuse("the engine was made without fuel"))
    }
}
