//! What any store promises, written once over `dyn Store` and run for each backend.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Barrier};

use countersign::storage::sqlite::{Options, Sqlite};
use countersign::storage::{Entry, Error, Expiry, Index, Pending, Record, Schema, Store, Tx};
use countersign::time::Timestamp;

static PLAIN: Schema = Schema { name: "plain", indexes: &[], expiry: Expiry::Never, marked: false };
static NAMED: Schema = Schema {
    name: "named",
    indexes: &[Index { name: "name", unique: true }, Index { name: "group", unique: false }],
    expiry: Expiry::Column,
    marked: true,
};
static TIMED: Schema = Schema { name: "timed", indexes: &[], expiry: Expiry::IdPrefix, marked: false };
static TABLES: &[&Schema] = &[&PLAIN, &NAMED, &TIMED];

const NAME: usize = 0;
const GROUP: usize = 1;
const NOW: Timestamp = Timestamp::from_secs(1_000_000);

fn later(secs: u64) -> Timestamp {
    NOW.plus(std::time::Duration::from_secs(secs))
}

/// A store and what must outlive it.
struct Kept {
    store: Arc<dyn Store>,
    _dir: Option<tempfile::TempDir>,
}

impl std::ops::Deref for Kept {
    type Target = Arc<dyn Store>;

    fn deref(&self) -> &Arc<dyn Store> {
        &self.store
    }
}

/// Every backend, with so large a queue.
fn stores(queue: usize) -> Vec<Kept> {
    let options = Options { queue };
    let dir = tempfile::tempdir().unwrap();
    let file = Sqlite::open(&dir.path().join("a.db"), TABLES, options).unwrap();
    let memory = Sqlite::in_memory(TABLES, options).unwrap();
    vec![Kept { store: Arc::new(file), _dir: Some(dir) }, Kept { store: Arc::new(memory), _dir: None }]
}

fn each(test: impl Fn(&Arc<dyn Store>)) {
    for store in stores(4096) {
        test(&store);
    }
}

fn plain(id: &str, body: &str) -> Record {
    Record { id: id.into(), version: 1, expires_at: None, body: body.into(), entries: Vec::new() }
}

fn named(id: &str, name: &str, group: &str) -> Record {
    let entry = |index, key: &str| Entry { index, key: key.into() };
    Record { entries: vec![entry(NAME, name), entry(GROUP, group)], ..plain(id, "body") }
}

fn timed(end: Timestamp, id: &str) -> Record {
    let id = [&end.as_millis().to_be_bytes(), id.as_bytes()].concat();
    Record { id, ..plain("", "") }
}

fn write<T: Send + 'static>(
    store: &Arc<dyn Store>,
    now: Timestamp,
    job: impl FnMut(&mut dyn Tx) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    store.write(now, job).wait()
}

fn get(store: &Arc<dyn Store>, table: &'static Schema, id: &str, now: Timestamp) -> Option<Record> {
    store.read(now, |tx| tx.get(table, id.as_bytes())).unwrap()
}

fn ids(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| String::from_utf8_lossy(&record.id).into_owned()).collect()
}

fn found(store: &Arc<dyn Store>, index: usize, key: &str, now: Timestamp) -> Vec<String> {
    ids(&store.read(now, |tx| tx.find(&NAMED, index, key.as_bytes(), &[], 100)).unwrap())
}

fn number(record: Option<Record>) -> u64 {
    record.map_or(0, |record| String::from_utf8(record.body).unwrap().parse().unwrap())
}

#[test]
fn what_is_written_is_read_and_what_is_deleted_is_gone() {
    each(|store| {
        write(store, NOW, |tx| tx.put(&PLAIN, &plain("a", "1"))).unwrap();
        assert_eq!(get(store, &PLAIN, "a", NOW), Some(plain("a", "1")));
        write(store, NOW, |tx| tx.put(&PLAIN, &plain("a", "2"))).unwrap();
        assert_eq!(get(store, &PLAIN, "a", NOW), Some(plain("a", "2")));
        assert_eq!(get(store, &PLAIN, "b", NOW), None);
        write(store, NOW, |tx| tx.delete(&PLAIN, b"a")).unwrap();
        assert_eq!(get(store, &PLAIN, "a", NOW), None);
        write(store, NOW, |tx| tx.delete(&PLAIN, b"a")).unwrap();
    });
}

#[test]
fn a_job_sees_its_own_writes_and_a_failed_one_leaves_nothing() {
    each(|store| {
        let failed = write(store, NOW, |tx| {
            tx.put(&PLAIN, &plain("a", "1"))?;
            tx.put(&NAMED, &named("n", "name", "group"))?;
            assert_eq!(tx.get(&PLAIN, b"a")?, Some(plain("a", "1")));
            Err::<(), _>(Error::Busy)
        });
        assert!(matches!(failed, Err(Error::Busy)));
        assert_eq!(get(store, &PLAIN, "a", NOW), None);
        assert_eq!(found(store, NAME, "name", NOW), Vec::<String>::new());
    });
}

/// Occupy the writer with a job, alone in its batch, until it is released.
fn occupy(store: &Arc<dyn Store>) -> (Sender<()>, Pending<(), Error>) {
    let (release, held) = channel::<()>();
    let (entered, inside) = channel::<()>();
    let blocked = store.write(NOW, move |_| {
        entered.send(()).map_err(|_| Error::Stopped)?;
        held.recv().map_err(|_| Error::Stopped)
    });
    inside.recv().unwrap();
    (release, blocked)
}

#[test]
fn jobs_that_share_a_commit_do_not_share_a_failure() {
    each(|store| {
        let (release, blocked) = occupy(store);
        let jobs: Vec<_> = (0..100)
            .map(|n| {
                store.write(NOW, move |tx| {
                    tx.put(&PLAIN, &plain(&format!("{n:03}"), "x"))?;
                    if n % 3 == 0 { Err(Error::Busy) } else { Ok(n) }
                })
            })
            .collect();
        release.send(()).unwrap();
        blocked.wait().unwrap();
        for (n, job) in jobs.into_iter().enumerate() {
            assert_eq!(job.wait().is_ok(), n % 3 != 0);
        }
        let kept = store.read(NOW, |tx| tx.scan(&PLAIN, &[], 1000)).unwrap();
        assert_eq!(kept.len(), 66);
    });
}

#[test]
fn jobs_from_many_threads_run_as_if_one_by_one() {
    each(|store| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let store = Arc::clone(store);
                std::thread::spawn(move || {
                    for _ in 0..100 {
                        write(&store, NOW, |tx| {
                            let count = number(tx.get(&PLAIN, b"count")?);
                            tx.put(&PLAIN, &plain("count", &(count + 1).to_string()))
                        })
                        .unwrap();
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(number(get(store, &PLAIN, "count", NOW)), 800);
    });
}

#[test]
fn a_unique_key_has_one_live_holder() {
    each(|store| {
        write(store, NOW, |tx| tx.put(&NAMED, &named("1", "alice", "g"))).unwrap();
        let taken = write(store, NOW, |tx| {
            tx.put(&PLAIN, &plain("trace", "x"))?;
            tx.put(&NAMED, &named("2", "alice", "g"))
        });
        assert!(matches!(taken, Err(Error::Duplicate("name"))));
        assert_eq!(get(store, &NAMED, "2", NOW), None);
        assert_eq!(get(store, &PLAIN, "trace", NOW), None);
        write(store, NOW, |tx| tx.put(&NAMED, &named("1", "alice", "h"))).unwrap();
        write(store, NOW, |tx| tx.delete(&NAMED, b"1")).unwrap();
        write(store, NOW, |tx| tx.put(&NAMED, &named("2", "alice", "g"))).unwrap();
        assert_eq!(found(store, NAME, "alice", NOW), ["2"]);
    });
}

#[test]
fn a_new_version_of_a_record_is_found_by_its_new_keys_only() {
    each(|store| {
        write(store, NOW, |tx| tx.put(&NAMED, &named("1", "old", "g"))).unwrap();
        write(store, NOW, |tx| tx.put(&NAMED, &named("1", "new", "h"))).unwrap();
        assert_eq!(found(store, NAME, "old", NOW), Vec::<String>::new());
        assert_eq!(found(store, GROUP, "g", NOW), Vec::<String>::new());
        assert_eq!(found(store, NAME, "new", NOW), ["1"]);
        assert_eq!(found(store, GROUP, "h", NOW), ["1"]);
    });
}

#[test]
fn pages_follow_one_another_without_gap_or_repetition() {
    each(|store| {
        write(store, NOW, |tx| {
            (0..25).try_for_each(|n| tx.put(&NAMED, &named(&format!("{n:02}"), &format!("name{n}"), "g")))
        })
        .unwrap();
        let all: Vec<String> = (0..25).map(|n| format!("{n:02}")).collect();
        for by_index in [true, false] {
            let (mut seen, mut after) = (Vec::new(), Vec::new());
            loop {
                let page = store
                    .read(NOW, |tx| {
                        if by_index { tx.find(&NAMED, GROUP, b"g", &after, 7) } else { tx.scan(&NAMED, &after, 7) }
                    })
                    .unwrap();
                let Some(last) = page.last() else { break };
                after.clone_from(&last.id);
                seen.extend(ids(&page));
            }
            assert_eq!(seen, all);
        }
    });
}

#[test]
fn a_record_is_invisible_from_its_end_on_and_its_unique_key_is_free() {
    each(|store| {
        let ending = Record { expires_at: Some(later(10)), ..named("1", "alice", "g") };
        let written = ending.clone();
        write(store, NOW, move |tx| tx.put(&NAMED, &written)).unwrap();
        let just_before = Timestamp::from_millis(later(10).as_millis() - 1);
        assert_eq!(get(store, &NAMED, "1", just_before), Some(Record { entries: Vec::new(), ..ending }));
        assert_eq!(found(store, NAME, "alice", just_before), ["1"]);
        assert_eq!(get(store, &NAMED, "1", later(10)), None);
        assert_eq!(found(store, NAME, "alice", later(10)), Vec::<String>::new());
        assert!(store.read(later(10), |tx| tx.scan(&NAMED, &[], 9)).unwrap().is_empty());
        write(store, later(10), |tx| tx.put(&NAMED, &named("2", "alice", "g"))).unwrap();
        assert_eq!(found(store, NAME, "alice", later(10)), ["2"]);
    });
}

#[test]
fn a_record_named_by_its_end_is_invisible_from_then_on() {
    each(|store| {
        write(store, NOW, |tx| tx.insert(&TIMED, &timed(later(10), "a"))).unwrap();
        let seen = |now| store.read(now, |tx| tx.get(&TIMED, &timed(later(10), "a").id)).unwrap().is_some();
        let listed = |now| store.read(now, |tx| tx.scan(&TIMED, &[], 9)).unwrap().len();
        assert_eq!((seen(later(9)), listed(later(9))), (true, 1));
        assert_eq!((seen(later(10)), listed(later(10))), (false, 0));
    });
}

#[test]
fn an_id_is_inserted_once() {
    each(|store| {
        let insert = || write(store, NOW, |tx| tx.insert(&TIMED, &timed(later(10), "a"))).unwrap();
        assert!(insert());
        assert!(!insert());
        let barrier = Arc::new(Barrier::new(20));
        let inserted = Arc::new(AtomicU64::new(0));
        let threads: Vec<_> = (0..20)
            .map(|_| {
                let (store, barrier, inserted) = (Arc::clone(store), Arc::clone(&barrier), Arc::clone(&inserted));
                std::thread::spawn(move || {
                    barrier.wait();
                    let new = write(&store, NOW, |tx| tx.insert(&TIMED, &timed(later(20), "b"))).unwrap();
                    inserted.fetch_add(u64::from(new), Ordering::SeqCst);
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(inserted.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn sweeping_removes_what_has_ended_oldest_first_in_batches() {
    each(|store| {
        write(store, NOW, |tx| {
            for n in 0..10 {
                let ending = named(&format!("n{n}"), &format!("name{n}"), "g");
                tx.put(&NAMED, &Record { expires_at: Some(later(n)), ..ending })?;
                tx.insert(&TIMED, &timed(later(n), "t"))?;
            }
            tx.put(&NAMED, &named("kept", "kept", "g"))
        })
        .unwrap();
        for table in [&NAMED, &TIMED] {
            let sweep = |limit| write(store, later(100), move |tx| tx.sweep(table, later(5), limit)).unwrap();
            assert_eq!((sweep(4), sweep(4), sweep(4)), (4, 2, 0));
        }
        assert_eq!(write(store, NOW, |tx| tx.sweep(&PLAIN, later(100), 10)).unwrap(), 0);
        assert_eq!(found(store, GROUP, "g", NOW), ["kept", "n6", "n7", "n8", "n9"]);
        assert_eq!(store.read(NOW, |tx| tx.scan(&TIMED, &[], 99)).unwrap().len(), 4);
    });
}

#[test]
fn a_panic_in_a_job_is_its_callers_error_and_nobody_elses() {
    each(|store| {
        let panicked = write(store, NOW, |tx| {
            tx.put(&PLAIN, &plain("a", "1"))?;
            if tx.now() == NOW { panic!("this job is meant to panic") } else { Ok(()) }
        });
        assert!(matches!(panicked, Err(Error::Panicked)));
        let panicked: Result<(), Error> = store.read(NOW, |_| panic!("this job is meant to panic"));
        assert!(matches!(panicked, Err(Error::Panicked)));
        assert_eq!(get(store, &PLAIN, "a", NOW), None);
        write(store, NOW, |tx| tx.put(&PLAIN, &plain("b", "1"))).unwrap();
        assert!(get(store, &PLAIN, "b", NOW).is_some());
    });
}

#[test]
fn a_full_queue_refuses_at_once_and_recovers() {
    for store in stores(4) {
        let (release, blocked) = occupy(&store);
        let waiting: Vec<_> = (0..4).map(|_| store.write(NOW, |_| Ok::<_, Error>(()))).collect();
        assert!(matches!(write(&store, NOW, |_| Ok(())), Err(Error::Busy)));
        release.send(()).unwrap();
        blocked.wait().unwrap();
        for job in waiting {
            job.wait().unwrap();
        }
        write(&store, NOW, |_| Ok(())).unwrap();
    }
}

#[test]
fn a_reading_job_cannot_write() {
    each(|store| {
        let refused = store.read(NOW, |tx| tx.put(&PLAIN, &plain("a", "1")));
        assert!(matches!(refused, Err(Error::ReadOnly)));
        let refused = store.read(NOW, |tx| tx.delete(&PLAIN, b"a"));
        assert!(matches!(refused, Err(Error::ReadOnly)));
    });
}

#[test]
fn a_snapshot_does_not_change_while_others_write() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(&dir.path().join("a.db"), TABLES, Options::default()).unwrap());
    write(&store, NOW, |tx| tx.put(&PLAIN, &plain("a", "1"))).unwrap();
    store
        .read(NOW, |tx| {
            assert_eq!(number(tx.get(&PLAIN, b"a")?), 1);
            write(&store, NOW, |tx| tx.put(&PLAIN, &plain("a", "2")))?;
            assert_eq!(number(tx.get(&PLAIN, b"a")?), 1);
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(number(get(&store, &PLAIN, "a", NOW)), 2);
}

#[test]
fn a_mark_tells_of_every_write_to_marked_tables_and_of_no_other() {
    each(|store| {
        let seen = || store.read(NOW, |tx| Ok::<_, Error>(tx.mark().unwrap())).unwrap();
        let before = seen();
        write(store, NOW, |tx| tx.put(&PLAIN, &plain("a", "1"))).unwrap();
        assert_eq!(seen(), before);
        let in_between = write(store, NOW, |tx| {
            let mine = tx.mark().unwrap();
            tx.put(&NAMED, &named("a", "x", "g"))?;
            assert_ne!(tx.mark().unwrap(), mine);
            Ok(mine)
        });
        assert_eq!(in_between.unwrap(), before);
        let after_put = seen();
        assert_ne!(after_put, before);
        assert_eq!(write(store, NOW, |tx| Ok(tx.mark().unwrap())).unwrap(), after_put);
        write(store, NOW, |tx| tx.delete(&NAMED, b"a")).unwrap();
        assert!(![before, after_put].contains(&seen()));
    });
}

#[test]
fn a_snapshot_keeps_its_mark_while_others_write() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(&dir.path().join("a.db"), TABLES, Options::default()).unwrap());
    store
        .read(NOW, |tx| {
            let mark = tx.mark();
            assert!(tx.get(&NAMED, b"a")?.is_none());
            let later = write(&store, NOW, |tx| {
                tx.put(&NAMED, &named("a", "x", "g"))?;
                Ok(tx.mark())
            })?;
            assert_eq!(tx.mark(), mark);
            assert_ne!(later, mark);
            assert!(tx.get(&NAMED, b"a")?.is_none());
            Ok::<_, Error>(())
        })
        .unwrap();
    assert!(get(&store, &NAMED, "a", NOW).is_some());
}

#[test]
fn reads_between_two_writes_see_the_former_at_once_on_every_thread() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(&dir.path().join("a.db"), TABLES, Options::default()).unwrap());
    let told = Arc::new(AtomicU64::new(0));
    write(&store, NOW, |tx| tx.put(&PLAIN, &plain("a", "0"))).unwrap();
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (store, told) = (store.clone(), told.clone());
            std::thread::spawn(move || {
                while told.load(Ordering::SeqCst) < 300 {
                    let least = told.load(Ordering::SeqCst);
                    assert!(number(get(&store, &PLAIN, "a", NOW)) >= least);
                }
            })
        })
        .collect();
    for n in 1..=300 {
        write(&store, NOW, move |tx| tx.put(&PLAIN, &plain("a", &n.to_string()))).unwrap();
        told.store(n, Ordering::SeqCst);
    }
    assert!(readers.into_iter().all(|reader| reader.join().is_ok()));
}

#[test]
fn the_log_stays_short_though_a_snapshot_is_kept_after_each_write() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(&dir.path().join("a.db"), TABLES, Options::default()).unwrap());
    let mut longest = 0;
    for n in 0..2_000 {
        // What is written over itself unchanged would not be written at all.
        let record = plain(&(n % 10).to_string(), &format!("{n:04}").repeat(5_000));
        write(&store, NOW, move |tx| tx.put(&PLAIN, &record)).unwrap();
        assert!(get(&store, &PLAIN, "0", NOW).is_some());
        longest = longest.max(std::fs::metadata(dir.path().join("a.db-wal")).unwrap().len());
    }
    // All of it together would be 40 MiB and more.
    assert!(longest < 24 << 20, "{longest} bytes");
}

#[test]
fn what_was_waiting_is_done_before_a_store_closes_and_is_there_when_it_opens() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(&path, TABLES, Options::default()).unwrap());
    let jobs: Vec<_> =
        (0..50).map(|n| store.write(NOW, move |tx| tx.put(&PLAIN, &plain(&format!("{n:02}"), "x")))).collect();
    drop(store);
    for job in jobs {
        job.wait().unwrap();
    }
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(&path, TABLES, Options::default()).unwrap());
    assert_eq!(store.read(NOW, |tx| tx.scan(&PLAIN, &[], 99)).unwrap().len(), 50);
}

#[test]
fn a_directory_serves_one_store_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let first = Sqlite::open(&path, TABLES, Options::default()).unwrap();
    let second = Sqlite::open(&path, TABLES, Options::default());
    assert!(format!("{:?}", second.err().unwrap()).contains("another server"));
    drop(first);
    Sqlite::open(&path, TABLES, Options::default()).unwrap();
}

#[test]
fn a_file_that_is_no_store_of_ours_is_refused_untouched() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    std::fs::write(&path, "this is a text, and not a database at all, however long it may be").unwrap();
    assert!(Sqlite::open(&path, TABLES, Options::default()).is_err());
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("this is a text"));
}

#[test]
fn a_backup_is_a_consistent_copy_made_while_serving() {
    each(|store| {
        write(store, NOW, |tx| {
            tx.put(&PLAIN, &plain("a", "1"))?;
            tx.put(&NAMED, &named("1", "alice", "g"))
        })
        .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let copy = dir.path().join("copy.db");
        store.backup(&copy).unwrap();
        assert!(store.backup(&copy).is_err(), "a backup overwrites nothing");
        let copy: Arc<dyn Store> = Arc::new(Sqlite::open(&copy, TABLES, Options::default()).unwrap());
        assert_eq!(number(get(&copy, &PLAIN, "a", NOW)), 1);
        assert_eq!(found(&copy, NAME, "alice", NOW), ["1"]);
    });
}

/// Tells a copy of this test program to be the victim of [`a_killed_server_keeps_every_acknowledged_write_and_no_half_of_a_job`].
const VICTIM: &str = "COUNTERSIGN_TEST_VICTIM_DATABASE";

#[test]
fn a_killed_server_keeps_every_acknowledged_write_and_no_half_of_a_job() {
    if let Some(path) = std::env::vars().find(|(name, _)| name == VICTIM).map(|(_, path)| path) {
        write_until_killed(&path);
    }
    for acknowledged_before_the_kill in [1, 40, 400] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "storage::a_killed_server_keeps_every_acknowledged_write_and_no_half_of_a_job",
                "--nocapture",
            ])
            .env(VICTIM, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(victim.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut acknowledged = lines.filter_map(|line| line.strip_prefix("acknowledged ").map(str::to_owned));
        let mut kept: Vec<String> = acknowledged.by_ref().take(acknowledged_before_the_kill).collect();
        victim.kill().unwrap();
        kept.extend(acknowledged);
        victim.wait().unwrap();
        assert!(kept.len() >= acknowledged_before_the_kill);

        let store: Arc<dyn Store> = Arc::new(Sqlite::open(&path, TABLES, Options::default()).unwrap());
        for id in &kept {
            assert!(get(&store, &PLAIN, id, NOW).is_some(), "{id} was acknowledged and is lost");
        }
        let whole = ids(&store.read(NOW, |tx| tx.scan(&PLAIN, &[], usize::MAX)).unwrap());
        let halves = ids(&store.read(NOW, |tx| tx.scan(&NAMED, &[], usize::MAX)).unwrap());
        assert_eq!(whole, halves, "each job wrote both of its records or none");
        for id in &whole {
            assert_eq!(found(&store, NAME, id, NOW), [id.as_str()]);
        }
    }
}

/// Eight threads, each job writing two records in two tables; every answer is printed once it is there.
fn write_until_killed(path: &str) -> ! {
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(path.as_ref(), TABLES, Options::default()).unwrap());
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let store = Arc::clone(&store);
            std::thread::spawn(move || {
                for n in 0.. {
                    let id = format!("{thread}-{n:08}");
                    let written = id.clone();
                    let job = move |tx: &mut dyn Tx| {
                        tx.put(&PLAIN, &plain(&written, "x"))?;
                        tx.put(&NAMED, &named(&written, &written, "g"))
                    };
                    write(&store, NOW, job).unwrap();
                    println!("acknowledged {id}");
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    unreachable!("the threads write until the process is killed")
}
