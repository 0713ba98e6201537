//! The cost guard, and those who would earn by what a server sends.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::engine::Engine;
use countersign::engine::outbox::Enqueued;
use countersign::engine::sending::{Round, round};
use countersign::entropy::SeededEntropy;
use countersign::id::{EntityId, NamespaceId};
use countersign::model::contact::Channel;
use countersign::model::costs::{Budget, Budgets, Costs, Countries, Forbidden};
use countersign::model::message::Message;
use countersign::model::namespace::Scope;
use countersign::secret::Secret;
use countersign::storage::sqlite::{Options, Sqlite};
use countersign::storage::{Store, tables};
use countersign::time::ManualClock;

use crate::outbox::{engine, message, post};
use crate::support::START;

/// No limit but those that a test sets.
const FREE: Budgets = Budgets { number: 0, entity: 0, prefix: 0, namespace: 0, day: 0 };

struct Guarded {
    engine: Engine,
    clock: Arc<ManualClock>,
}

impl Guarded {
    fn by(costs: Costs) -> Self {
        Self::over(Arc::new(Sqlite::in_memory(tables::ALL, Options::default()).unwrap()), costs)
    }

    fn over(store: Arc<dyn Store>, costs: Costs) -> Self {
        let clock = Arc::new(ManualClock::at(START));
        let engine = engine(store, clock.clone(), Arc::new(SeededEntropy::new(5)));
        let engine = Arc::into_inner(engine).unwrap().with_costs(costs);
        Self { engine, clock }
    }

    fn within(budgets: Budgets) -> Self {
        Self::by(Costs { budgets, ..Costs::anywhere() })
    }

    fn text(&self, to: &str) -> Enqueued {
        self.text_for("ann", to)
    }

    fn text_for(&self, entity: &str, to: &str) -> Enqueued {
        post(&self.engine, &self.message(entity, to))
    }

    fn message(&self, entity: &str, to: &str) -> Message {
        Message { entity: EntityId::new(entity), ..message(&self.engine, Channel::Sms, to) }
    }
}

fn swiss(n: u32) -> String {
    format!("+4179{n:07}")
}

#[test]
fn pumping_over_the_numbers_of_one_range_ends_at_the_ranges_budget() {
    let guarded = Guarded::within(Budgets { prefix: 20, ..FREE });
    let told: Vec<Enqueued> = (0..50).map(|n| guarded.text_for(&format!("e{n}"), &swiss(1_234_000 + n))).collect();
    assert!(told[..20].iter().all(|told| *told == Enqueued::Queued));
    assert!(told[20..].iter().all(|told| *told == Enqueued::OverBudget(Budget::Prefix)));
    assert_eq!(guarded.text("+41791239999"), Enqueued::OverBudget(Budget::Prefix), "the range is ten thousand");
    assert_eq!(guarded.text("+41791240000"), Enqueued::Queued, "the next one is another");
}

#[test]
fn pumping_over_many_entities_to_one_number_ends_at_the_numbers_budget() {
    let guarded = Guarded::within(Budgets { number: 5, ..FREE });
    let queued = (0..30).filter(|n| guarded.text_for(&format!("e{n}"), "+41791234567") == Enqueued::Queued).count();
    assert_eq!(queued, 5);
}

#[test]
fn another_spelling_is_no_other_number_and_is_sent_to_the_same() {
    let guarded = Guarded::within(Budgets { number: 4, ..FREE });
    for spelling in ["+41791234567", "0041 79 123 45 67", "+41 (0)79 123 45 67", " +41-79-123-45-67 "] {
        assert_eq!(guarded.text(spelling), Enqueued::Queued, "{spelling}");
    }
    for spelling in ["+41791234567", "+41.79.123.45.67", "+41 (79) 1234567", "0041791234567"] {
        assert_eq!(guarded.text(spelling), Enqueued::OverBudget(Budget::Number), "{spelling}");
    }
}

#[test]
fn pumping_over_numbers_and_ranges_ends_at_the_entitys_and_the_namespaces_and_the_days_budget() {
    let numbers = || (0..40).map(|n| swiss(n * 10_000));
    let of = |budgets| {
        let guarded = Guarded::within(budgets);
        let told: Vec<Enqueued> = numbers().map(|number| guarded.text(&number)).collect();
        (told.iter().filter(|told| **told == Enqueued::Queued).count(), *told.last().unwrap())
    };
    assert_eq!(of(Budgets { entity: 7, ..FREE }), (7, Enqueued::OverBudget(Budget::Entity)));
    assert_eq!(of(Budgets { namespace: 8, ..FREE }), (8, Enqueued::OverBudget(Budget::Namespace)));
    assert_eq!(of(Budgets { day: 9, ..FREE }), (9, Enqueued::OverBudget(Budget::Day)));
    let guarded = Guarded::within(Budgets { namespace: 1, day: 2, ..FREE });
    let there = |namespace: &str| {
        let scope = Scope { id: NamespaceId::new(namespace), path: format!("{namespace}/") };
        post(&guarded.engine, &Message { scope, ..guarded.message("ann", "+41791234567") })
    };
    assert_eq!(there("a"), Enqueued::Queued);
    assert_eq!(there("a"), Enqueued::OverBudget(Budget::Namespace));
    assert_eq!(there("b"), Enqueued::Queued, "one namespace does not spend another's");
    assert_eq!(there("c"), Enqueued::OverBudget(Budget::Day));
}

#[test]
fn premium_numbers_are_refused_wherever_messages_may_go() {
    let costs = Costs { countries: Countries::parse("*, CH, US, GB, AU, +979").unwrap(), ..Costs::anywhere() };
    let guarded = Guarded::by(costs);
    for number in
        ["+41900123456", "+41 (0)900 123 456", "+19002345678", "+447012345678", "+611900123456", "+979123456789"]
    {
        assert_eq!(guarded.text(number), Enqueued::Forbidden(Forbidden::Premium), "{number}");
    }
    for number in ["112", "911", "alice", "", "+41791234567\r\nTo: +41900123456", "+41791234567,+41900123456"] {
        assert_eq!(guarded.text(number), Enqueued::Forbidden(Forbidden::NoNumber), "{number:?}");
    }
}

#[test]
fn without_settings_no_text_message_goes_anywhere_and_mail_does() {
    let guarded = Guarded::by(Costs::default());
    assert_eq!(guarded.text("+41791234567"), Enqueued::Forbidden(Forbidden::Country));
    let mail = message(&guarded.engine, Channel::Email, "ann@example.org");
    assert_eq!(post(&guarded.engine, &mail), Enqueued::Queued);
}

#[test]
fn what_is_refused_is_not_sent_and_costs_nothing_of_any_budget() {
    let dir = tempfile::tempdir().unwrap();
    let guarded = Guarded::within(Budgets { number: 1, day: 3, ..FREE });
    assert_eq!(guarded.text("+41791234567"), Enqueued::Queued);
    for _ in 0..20 {
        assert_eq!(guarded.text("+41791234567"), Enqueued::OverBudget(Budget::Number));
        assert_eq!(guarded.text("+41900123456"), Enqueued::Forbidden(Forbidden::Premium));
    }
    assert_eq!(guarded.text("+41791234568"), Enqueued::Queued);
    assert_eq!(guarded.text("+41791234569"), Enqueued::Queued);
    assert_eq!(guarded.text("+41791234560"), Enqueued::OverBudget(Budget::Day));
    let folder = countersign::delivery::carrier::Provider::Folder(dir.path().to_owned());
    let carriers = countersign::delivery::carrier::Carriers::default().with(Channel::Sms, &folder).unwrap();
    while round(&guarded.engine, &carriers).unwrap() == Round::One {}
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3);
}

#[test]
fn a_budget_slides_over_a_day_and_a_clock_set_back_gives_none_of_it_back() {
    let guarded = Guarded::within(Budgets { number: 2, ..FREE });
    let (number, over) = ("+41791234567", Enqueued::OverBudget(Budget::Number));
    assert_eq!(guarded.text(number), Enqueued::Queued);
    guarded.clock.advance(Duration::from_hours(12));
    assert_eq!(guarded.text(number), Enqueued::Queued);
    assert_eq!(guarded.text(number), over);
    for back in [1, 13, 48, 24 * 365] {
        guarded.clock.set(START.plus(Duration::from_hours(12)).minus(Duration::from_hours(back)));
        assert_eq!(guarded.text(number), over, "{back} hours back");
    }
    guarded.clock.set(START.plus(Duration::from_hours(24)));
    assert_eq!(
        guarded.text(number),
        over,
        "midnight and a day are not enough: the first one counts until it is a day old"
    );
    guarded.clock.set(START.plus(Duration::from_hours(25)));
    assert_eq!(guarded.text(number), Enqueued::Queued);
    assert_eq!(guarded.text(number), over, "the second one counts still");
}

#[test]
fn in_parallel_exactly_as_many_are_sent_as_the_budget_allows() {
    let guarded = Guarded::within(Budgets { number: 25, day: 60, ..FREE });
    let told: Vec<Enqueued> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|thread| {
                let guarded = &guarded;
                let number = swiss(thread % 4);
                scope.spawn(move || {
                    (0..20).map(|_| guarded.text_for(&format!("e{thread}"), &number)).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(told.len(), 320);
    assert_eq!(told.iter().filter(|told| **told == Enqueued::Queued).count(), 60);
}

#[test]
fn a_restart_gives_nobody_a_new_budget() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let costs = || Costs { budgets: Budgets { entity: 3, ..FREE }, ..Costs::anywhere() };
    for expected in [[true, true], [true, false], [false, false]] {
        let store = Arc::new(Sqlite::open(&path, tables::ALL, Options::default()).unwrap());
        let guarded = Guarded::over(store, costs());
        let told = [guarded.text("+41791234567"), guarded.text("+41791234567")].map(|told| told == Enqueued::Queued);
        assert_eq!(told, expected);
    }
}

/// Where a log goes that a test reads.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_refusal_is_in_the_log_with_ids_and_without_the_number_or_the_text() {
    let log = Log::default();
    let written = log.clone();
    let subscriber = tracing_subscriber::fmt().json().with_writer(move || written.clone()).finish();
    let guarded = Guarded::within(Budgets { number: 1, ..FREE });
    let (sent, refused) = (guarded.message("ann-1", "+41791234567"), guarded.message("ann-1", "+41791234567"));
    let premium = Message { to: Secret::new("+41900123456".into()), ..guarded.message("ann-1", "") };
    tracing::subscriber::with_default(subscriber, || {
        assert_eq!(post(&guarded.engine, &sent), Enqueued::Queued);
        assert_eq!(post(&guarded.engine, &refused), Enqueued::OverBudget(Budget::Number));
        assert_eq!(post(&guarded.engine, &premium), Enqueued::Forbidden(Forbidden::Premium));
    });
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<_> = lines.iter().filter(|line| line["target"] == "audit").collect();
    assert_eq!(events.len(), 2);
    for (event, (message, why)) in events.iter().zip([(&refused, "number"), (&premium, "premium number")]) {
        let fields = &event["fields"];
        assert_eq!(fields["event"], "message.refused");
        assert_eq!(fields["why"], why);
        assert_eq!(
            (&fields["message_id"], &fields["entity"]),
            (&message.id.clone().into(), &"ann-1".into()),
            "{fields}"
        );
    }
    for secret in ["4179", "1234567", "900123", "123456"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
