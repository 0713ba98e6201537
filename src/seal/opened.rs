//! What was opened lately, remembered by its ciphertext.
//!
//! A few records are read by almost every request: its token, its method. Reading one still means reading its row, in the request's own
//! snapshot; only if the ciphertext there is the very one that was opened before is the work of opening and parsing it spared. A ciphertext
//! with its random nonce is never the same for two bodies, so nothing stale is ever taken for fresh, whoever else writes to the database.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many are remembered at most. When there are more, all are forgotten: those still in use are back at once.
const MOST: usize = 256;

/// Nouns by the id of their record. Lives in a keyring and is gone with it when the server is sealed.
#[derive(Default)]
pub struct Opened(Mutex<HashMap<Vec<u8>, Remembered>>);

struct Remembered {
    table: &'static str,
    sealed: Vec<u8>,
    noun: Arc<dyn Any + Send + Sync>,
}

impl Opened {
    fn lock(&self) -> MutexGuard<'_, HashMap<Vec<u8>, Remembered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `sealed`, read from the row `id` of `table`, was opened to before.
    pub fn recall<T: Any + Send + Sync>(&self, table: &'static str, id: &[u8], sealed: &[u8]) -> Option<Arc<T>> {
        let noun = {
            let opened = self.lock();
            let found = opened.get(id).filter(|found| found.table == table && found.sealed == sealed)?;
            Arc::clone(&found.noun)
        };
        noun.downcast().ok()
    }

    /// Remember that `sealed`, read from the row `id` of `table`, opens to `noun`.
    pub fn remember<T: Any + Send + Sync>(&self, table: &'static str, id: &[u8], sealed: &[u8], noun: Arc<T>) {
        let mut opened = self.lock();
        if opened.len() >= MOST && !opened.contains_key(id) {
            opened.clear();
        }
        opened.insert(id.to_vec(), Remembered { table, sealed: sealed.to_vec(), noun });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_ciphertext_of_the_very_row_is_recalled() {
        let opened = Opened::default();
        opened.remember("token", b"row", b"sealed", Arc::new(7_u32));
        assert_eq!(opened.recall::<u32>("token", b"row", b"sealed").as_deref(), Some(&7));
        assert!(opened.recall::<u32>("token", b"row", b"sealed anew").is_none());
        assert!(opened.recall::<u32>("token", b"other", b"sealed").is_none());
        assert!(opened.recall::<u32>("method", b"row", b"sealed").is_none());
        assert!(opened.recall::<u64>("token", b"row", b"sealed").is_none());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let opened = Opened::default();
        for n in 0..10 * MOST {
            opened.remember("token", &n.to_be_bytes(), b"sealed", Arc::new(n));
            assert!(opened.lock().len() <= MOST);
        }
    }
}
