//! Results: medians of the rounds, as a table and as JSON, and the ratios that count.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::load::{Measurement, Workload};
use crate::subject::Idle;

/// Everything that was measured.
#[derive(Default)]
pub(crate) struct Report {
    measured: BTreeMap<(String, Workload, usize), Vec<Measurement>>,
    idle: BTreeMap<String, Idle>,
}

impl Report {
    pub(crate) fn add(&mut self, name: &str, workload: Workload, connections: usize, measured: Measurement) {
        self.measured.entry((name.to_owned(), workload, connections)).or_default().push(measured);
    }

    pub(crate) fn idle(&mut self, name: &str, idle: Idle) {
        self.idle.insert(name.to_owned(), idle);
    }

    fn rows(&self) -> impl Iterator<Item = (&(String, Workload, usize), Measurement)> {
        self.measured.iter().map(|(key, rounds)| (key, medians(rounds)))
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let mut text = format!(
            "\n{:<24} {:<22} {:>5} {:>10} {:>9} {:>9} {:>9}\n",
            "server, enrolments", "workload", "conns", "req/s", "p50 µs", "p99 µs", "CPU µs"
        );
        for ((name, workload, connections), row) in self.rows() {
            let line = format!(
                "{name:<24} {:<22} {connections:>5} {:>10.0} {:>9.0} {:>9.0} {:>9.1}\n",
                workload.name(),
                row.requests_per_second,
                row.p50_us,
                row.p99_us,
                row.cpu_per_request_us
            );
            text += &line;
        }
        text += "\n";
        for (name, idle) in &self.idle {
            let line = format!(
                "{name:<24} first answer after {:.0} ms, {} KiB anonymous\n",
                idle.start_ms, idle.anonymous_kib
            );
            text += &line;
        }
        text += "\n";
        for (what, ratio) in self.ratios() {
            writeln!(text, "{what:<60} {ratio:.2}").expect("a String takes all");
        }
        text
    }

    /// For machines.
    pub(crate) fn json(&self) -> String {
        let rows: Vec<Value> = self
            .rows()
            .map(|((name, workload, connections), row)| {
                json!({
                    "server": name, "workload": workload.name(), "connections": connections,
                    "requests_per_second": row.requests_per_second, "p50_us": row.p50_us, "p99_us": row.p99_us,
                    "cpu_per_request_us": row.cpu_per_request_us,
                })
            })
            .collect();
        let idle: Vec<Value> = self
            .idle
            .iter()
            .map(|(name, idle)| json!({ "server": name, "start_ms": idle.start_ms, "anonymous_kib": idle.anonymous_kib }))
            .collect();
        let ratios: BTreeMap<String, f64> = self.ratios().into_iter().collect();
        serde_json::to_string_pretty(&json!({ "rows": rows, "idle": idle, "ratios": ratios })).unwrap_or_default()
    }

    /// Countersign over ideal, from the same run; and what a validation costs among many over among few.
    fn ratios(&self) -> Vec<(String, f64)> {
        let find = |server: &str, workload: Workload, connections: usize| {
            let found = self.rows().find(|((name, kind, count), _)| {
                name.starts_with(server) && *kind == workload && *count == connections
            });
            found.map(|(_, row)| row)
        };
        let mut ratios = Vec::new();
        for ((name, workload, connections), product) in self.rows() {
            if !name.starts_with("countersign") {
                continue;
            }
            let enrolments = name.trim_start_matches("countersign, ");
            if let Some(ideal) = find(&format!("ideal, {enrolments}"), *workload, *connections) {
                let of = |what: &str| format!("{what}, {}, {connections} connections: to ideal", workload.name());
                ratios.push((of("requests/s"), product.requests_per_second / ideal.requests_per_second));
                ratios.push((of("CPU"), product.cpu_per_request_us / ideal.cpu_per_request_us));
                ratios.push((of("p99"), product.p99_us / ideal.p99_us));
            }
            if *workload == Workload::Wrong
                && let Some(right) = find(name, Workload::Right, *connections)
            {
                let what = format!("requests/s, wrong to right, {connections} connections");
                ratios.push((what, product.requests_per_second / right.requests_per_second));
            }
            if let Some(few) = find("countersign, 1000", Workload::Right, *connections).filter(|_| {
                *workload == Workload::Right && enrolments.parse::<usize>().is_ok_and(|count| count > 10_000)
            }) {
                ratios.push((
                    format!("CPU, {enrolments} enrolments to 1000"),
                    product.cpu_per_request_us / few.cpu_per_request_us,
                ));
            }
        }
        ratios
    }
}

fn medians(rounds: &[Measurement]) -> Measurement {
    let median = |of: fn(&Measurement) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    Measurement {
        requests_per_second: median(|round| round.requests_per_second),
        p50_us: median(|round| round.p50_us),
        p99_us: median(|round| round.p99_us),
        cpu_per_request_us: median(|round| round.cpu_per_request_us),
    }
}
