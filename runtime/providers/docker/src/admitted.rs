//! A call on its way: the gate is asked before each request that changes something, and what it says then depends on
//! whether anything was changed before.

use kit_model::{Admission, Outcome};

/// What one call may still send.
pub(crate) struct Admitted<'a> {
    admission: Admission<'a>,
    changed: bool,
}

impl<'a> Admitted<'a> {
    pub(crate) const fn by(admission: Admission<'a>) -> Self {
        Self { admission, changed: false }
    }

    /// Right before a request leaves.
    ///
    /// # Errors
    /// When it must not: never sent where it would be the first, and not known where something was done already.
    pub(crate) fn ask(&mut self) -> Result<(), Outcome> {
        match (self.admission)() {
            Ok(()) => {
                self.changed = true;
                Ok(())
            }
            Err(why) if self.changed => Err(Outcome::Unknown(format!("it was begun and not finished: {why}"))),
            Err(why) => Err(Outcome::NotSent(why)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn what_was_begun_is_not_said_to_be_unsent() {
        let over = AtomicBool::new(true);
        let gate = || if over.load(Ordering::SeqCst) { Err("it is over".to_owned()) } else { Ok(()) };
        let mut call = Admitted::by(&gate);
        assert_eq!(call.ask(), Err(Outcome::NotSent("it is over".to_owned())));
        over.store(false, Ordering::SeqCst);
        assert_eq!(call.ask(), Ok(()));
        over.store(true, Ordering::SeqCst);
        assert!(matches!(call.ask(), Err(Outcome::Unknown(why)) if why.ends_with("it is over")));
    }
}
