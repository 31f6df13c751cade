//! Any bytes: a lock file that is written in one way and reads back, or a reason why it is none; no panic.
#![no_main]

use kit_loader::Lock;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match Lock::parse(bytes) {
        Ok(lock) => {
            let text = lock.to_text();
            let again = Lock::parse(text.as_bytes()).expect("what is written is read");
            assert_eq!((again.to_text(), &again), (text, &lock));
        }
        Err(reason) => assert!(!reason.is_empty()),
    }
});
