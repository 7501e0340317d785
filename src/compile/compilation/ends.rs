//! The two ends of a compilation: its module is whole, nobody has its module any more.
//!
//! Not here: what is done in between (`compilation`), cancellation.

use super::super::events::{Event, EventKind};
use super::{Compilation, Stopped};
use crate::tier::Tier;

impl Compilation {
    /// The module is whole, and all of it is valid that has to be by now. Once.
    pub(in crate::compile) fn complete(&self) {
        self.profile.complete();
        self.account_first(-1);
    }

    /// Nobody has the module any more.
    pub(in crate::compile) fn close(&self) {
        self.withdraw();
        self.events.post(Event::new(EventKind::Closed));
    }

    /// Nobody has the module, or will have it.
    pub(in crate::compile) fn withdraw(&self) {
        self.stop(Stopped::Closed);
        for (tier, publisher) in [Tier::Baseline, Tier::Top].into_iter().zip(&self.publishers) {
            for ready in publisher.take_all() {
                self.give_up(ready.func, tier);
            }
        }
    }
}
