//! What is read by almost every request is remembered; whatever is remembered is what is stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use countersign::app;
use countersign::engine::{Access, Engine};
use countersign::entropy::SeededEntropy;
use countersign::model::namespace::Scope;
use countersign::model::policy::Policy;
use countersign::secret::Secret;
use countersign::storage::sqlite::{Options, Sqlite};
use countersign::storage::tables::{self, POLICIES, POLICY_BY_NAMESPACE, policy_key, policy_namespace_key};
use countersign::storage::{Error, Store, Tx};
use countersign::time::{ManualClock, Timestamp};
use proptest::prelude::{Strategy, prop_oneof};
use proptest::test_runner::{Config, TestRunner};

const NOW: Timestamp = Timestamp::from_secs(1_000_000);

/// A store with one policy, or none, and what it takes to read it.
struct Shelf {
    store: Arc<dyn Store>,
    access: Access,
    _dir: tempfile::TempDir,
}

impl Shelf {
    fn over(store: impl Store + 'static, dir: tempfile::TempDir) -> Self {
        let store: Arc<dyn Store> = Arc::new(store);
        let engine = Engine::new(Arc::clone(&store), Arc::new(ManualClock::at(NOW)), Arc::new(SeededEntropy::new(1)));
        let key = Secret::new([7; 32]);
        app::initialise(&engine, &key).unwrap();
        engine.unseal(&key).unwrap();
        Self { store, access: engine.access().unwrap(), _dir: dir }
    }

    /// One for each backend.
    fn each() -> [Self; 2] {
        let [one, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let file = Sqlite::open(&one.path().join("a.db"), tables::ALL, Options::default()).unwrap();
        let memory = Sqlite::in_memory(tables::ALL, Options::default()).unwrap();
        [Self::over(file, one), Self::over(memory, other)]
    }

    fn read(&self) -> Option<u64> {
        self.store.read(NOW, |tx| version(tx, &self.access)).unwrap()
    }
}

fn put(tx: &mut dyn Tx, access: &Access, version: u64) -> Result<(), Error> {
    let (scope, name, text) = (Scope::root(), "a".to_owned(), String::new());
    POLICIES.put(tx, access, &Policy { scope, name, text, version, modified_at: None })
}

fn delete(tx: &mut dyn Tx, access: &Access) -> Result<(), Error> {
    POLICIES.delete(tx, policy_key(access, &Scope::root().id, "a"))
}

/// The policy's version, remembered or not.
fn version(tx: &mut dyn Tx, access: &Access) -> Result<Option<u64>, Error> {
    let policy = POLICIES.get(tx, access, policy_key(access, &Scope::root().id, "a"))?;
    Ok(policy.map(|policy| policy.version))
}

/// The policy's version as it is found by an index, so that its row is read.
fn stored_version(tx: &mut dyn Tx, access: &Access) -> Result<Option<u64>, Error> {
    let key = policy_namespace_key(access, &Scope::root().id);
    Ok(POLICIES.find_one(tx, access, POLICY_BY_NAMESPACE, key)?.map(|policy| policy.version))
}

/// What is done to the policy.
#[derive(Debug, Clone, Copy)]
enum Step {
    Put(u64),
    Delete,
    /// Written, looked at, and then undone, with another job that may share its commit.
    Undone(Option<u64>),
    /// As before, but by a panic.
    Panicked(Option<u64>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let version = || 1..5_u64;
    let step = prop_oneof![
        version().prop_map(Step::Put),
        proptest::strategy::Just(Step::Delete),
        proptest::option::of(version()).prop_map(Step::Undone),
        proptest::option::of(version()).prop_map(Step::Panicked),
    ];
    proptest::collection::vec(step, 1..20)
}

/// Take a step where the version was `before`, and say what it is to be after it.
fn take(shelf: &Shelf, step: Step, before: Option<u64>) -> Option<u64> {
    let access = shelf.access.clone();
    let write = move |tx: &mut dyn Tx, to: Option<u64>| {
        let _: Option<u64> = version(tx, &access)?;
        match to {
            Some(version) => put(tx, &access, version)?,
            None => delete(tx, &access)?,
        }
        assert_eq!(version(tx, &access)?, to);
        Ok::<_, Error>(())
    };
    match step {
        Step::Put(version) => {
            shelf.store.write(NOW, move |tx| write(tx, Some(version))).wait().unwrap();
            Some(version)
        }
        Step::Delete => {
            shelf.store.write(NOW, move |tx| write(tx, None)).wait().unwrap();
            None
        }
        Step::Undone(to) => {
            let failing = shelf.store.write(NOW, move |tx| write(tx, to).and(Err::<(), _>(Error::Busy)));
            let access = shelf.access.clone();
            let beside = shelf.store.write(NOW, move |tx| version(tx, &access));
            assert!(failing.wait().is_err());
            assert_eq!(beside.wait().unwrap(), before);
            before
        }
        Step::Panicked(to) => {
            let failing = shelf.store.write(NOW, move |tx| {
                write(tx, to)?;
                std::panic::resume_unwind(Box::new("as the test wants it"));
                #[expect(unreachable_code, reason = "it gives the job its type")]
                Ok::<(), Error>(())
            });
            assert!(failing.wait().is_err());
            before
        }
    }
}

#[test]
fn what_is_remembered_is_what_is_stored_whatever_was_written_or_undone() {
    let mut runner = TestRunner::new(Config { cases: 40, ..Config::default() });
    let ran = runner.run(&steps(), |steps| {
        for shelf in Shelf::each() {
            let mut expected = None;
            for step in &steps {
                expected = take(&shelf, *step, expected);
                // The second time it is remembered.
                assert_eq!([shelf.read(), shelf.read()], [expected; 2], "{step:?}");
            }
        }
        Ok(())
    });
    ran.unwrap();
}

#[test]
fn a_snapshot_shows_what_is_remembered_as_it_shows_the_rows_while_others_write() {
    for shelf in Shelf::each() {
        let (shelf, done) = (&shelf, AtomicBool::new(false));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut newest = None;
                    while !done.load(Ordering::Relaxed) {
                        let seen = shelf.store.read(NOW, |tx| {
                            let first = version(tx, &shelf.access)?;
                            Ok::<_, Error>([first, stored_version(tx, &shelf.access)?, version(tx, &shelf.access)?])
                        });
                        let seen = seen.unwrap();
                        assert_eq!(seen, [seen[0]; 3]);
                        assert!(seen[0] >= newest, "{seen:?} after {newest:?}");
                        newest = seen[0];
                    }
                });
            }
            for number in 1..=300 {
                let access = shelf.access.clone();
                shelf.store.write(NOW, move |tx| put(tx, &access, number)).wait().unwrap();
                assert_eq!(shelf.read(), Some(number));
            }
            done.store(true, Ordering::Relaxed);
        });
    }
}

#[test]
fn what_one_store_is_remembered_to_hold_is_not_taken_for_anothers() {
    let [one, other] = Shelf::each();
    let access = one.access.clone();
    one.store.write(NOW, move |tx| put(tx, &access, 1)).wait().unwrap();
    assert_eq!(one.read(), Some(1));
    let of_the_other = |access: &Access| other.store.read(NOW, |tx| version(tx, access)).unwrap();
    assert_eq!(of_the_other(&one.access), None);
    let access = one.access.clone();
    other.store.write(NOW, move |tx| put(tx, &access, 2)).wait().unwrap();
    assert_eq!((of_the_other(&one.access), one.read()), (Some(2), Some(1)));
}
