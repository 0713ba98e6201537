//! What was opened lately, remembered.
//!
//! A few records are read by almost every request: its token, its method. While the mark of their tables stays the same, they are what they
//! were, and no row is read at all. Once it moves, a row is read again; if the ciphertext there is the very one that was opened before, only the
//! work of opening and parsing it is spared. A ciphertext with its random nonce is never the same for two bodies. So nothing stale is ever
//! taken for fresh, whoever else writes to the database.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many are remembered at most. When there are more, all are forgotten: those still in use are back at once.
const MOST: usize = 256;
/// The longest ciphertext that is remembered, in bytes.
const LONGEST: usize = 16 << 10;

/// Nouns by the id of their record. Lives in a keyring and is gone with it when the server is sealed.
#[derive(Default)]
pub struct Opened(Mutex<HashMap<Vec<u8>, Remembered>>);

struct Remembered {
    table: &'static str,
    sealed: Vec<u8>,
    /// The mark under which it was read last, where there was one.
    mark: Option<u64>,
    noun: Arc<dyn Any + Send + Sync>,
}

impl Opened {
    fn lock(&self) -> MutexGuard<'_, HashMap<Vec<u8>, Remembered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the row `id` of `table` holds where the mark is `mark`, if it was read there before.
    pub fn current<T: Any + Send + Sync>(&self, table: &'static str, id: &[u8], mark: u64) -> Option<Arc<T>> {
        let noun = {
            let opened = self.lock();
            let found = opened.get(id).filter(|found| found.table == table && found.mark == Some(mark))?;
            Arc::clone(&found.noun)
        };
        noun.downcast().ok()
    }

    /// What `sealed`, read from the row `id` of `table` where the mark is `mark`, was opened to before.
    pub fn recall<T: Any + Send + Sync>(
        &self,
        table: &'static str,
        id: &[u8],
        sealed: &[u8],
        mark: Option<u64>,
    ) -> Option<Arc<T>> {
        let noun = {
            let mut opened = self.lock();
            let found = opened.get_mut(id).filter(|found| found.table == table && found.sealed == sealed)?;
            found.mark = mark;
            Arc::clone(&found.noun)
        };
        noun.downcast().ok()
    }

    /// Remember that `sealed`, read from the row `id` of `table` where the mark is `mark`, opens to `noun`.
    pub fn remember<T: Any + Send + Sync>(
        &self,
        table: &'static str,
        id: &[u8],
        sealed: &[u8],
        mark: Option<u64>,
        noun: Arc<T>,
    ) {
        if sealed.len() > LONGEST {
            return;
        }
        let mut opened = self.lock();
        if opened.len() >= MOST && !opened.contains_key(id) {
            opened.clear();
        }
        opened.insert(id.to_vec(), Remembered { table, sealed: sealed.to_vec(), mark, noun });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_ciphertext_of_the_very_row_is_recalled() {
        let opened = Opened::default();
        opened.remember("token", b"row", b"sealed", None, Arc::new(7_u32));
        let recall =
            |table, id: &[u8], sealed: &[u8]| opened.recall::<u32>(table, id, sealed, None).as_deref().copied();
        assert_eq!(recall("token", b"row", b"sealed"), Some(7));
        assert_eq!(recall("token", b"row", b"sealed anew"), None);
        assert_eq!(recall("token", b"other", b"sealed"), None);
        assert_eq!(recall("method", b"row", b"sealed"), None);
        assert!(opened.recall::<u64>("token", b"row", b"sealed", None).is_none());
    }

    #[test]
    fn a_row_is_known_unread_only_under_the_mark_that_it_was_read_under() {
        let opened = Opened::default();
        opened.remember("token", b"row", b"sealed", None, Arc::new(7_u32));
        let current = |table, id: &[u8], mark| opened.current::<u32>(table, id, mark).as_deref().copied();
        assert_eq!(current("token", b"row", 0), None);
        opened.remember("token", b"row", b"sealed", Some(1), Arc::new(7_u32));
        assert_eq!(current("token", b"row", 1), Some(7));
        assert_eq!(current("token", b"row", 2), None);
        assert_eq!(current("method", b"row", 1), None);
        assert_eq!(current("token", b"other", 1), None);
        assert!(opened.recall::<u32>("token", b"row", b"sealed", Some(2)).is_some());
        assert_eq!(current("token", b"row", 1), None);
        assert_eq!(current("token", b"row", 2), Some(7));
        assert!(opened.recall::<u32>("token", b"row", b"sealed", None).is_some());
        assert_eq!(current("token", b"row", 2), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let opened = Opened::default();
        for n in 0..10 * MOST {
            opened.remember("token", &n.to_be_bytes(), b"sealed", None, Arc::new(n));
            assert!(opened.lock().len() <= MOST);
        }
        opened.remember("token", b"long", &vec![0; LONGEST + 1], Some(1), Arc::new(7_u32));
        assert!(opened.current::<u32>("token", b"long", 1).is_none());
    }
}
