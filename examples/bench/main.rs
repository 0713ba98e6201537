//! The benchmark: Countersign beside this machine's own limit, in alternating rounds, so that each result is a ratio.
//!
//! Both servers get the same enrolments and the same requests from the same client on the same machine. A lone figure says more about the
//! machine and its neighbours than about the server.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measuring tool prints, and stops at the first surprise"
)]

mod load;
mod report;
mod subject;

use std::path::PathBuf;

use clap::Parser;

use load::{Workload, run};
use report::Report;
use subject::{Kind, Subject};

#[derive(Parser)]
#[command(name = "bench", about = "Measure Countersign beside this machine's own limit")]
struct Arguments {
    /// How many enrolments there are.
    #[arg(long, default_value_t = 10_000)]
    enrolments: usize,
    /// How many alternating rounds.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// The most requests in one measurement.
    #[arg(long, default_value_t = 20_000)]
    requests: usize,
    /// Connections, several counts after one another.
    #[arg(long, value_delimiter = ',', default_value = "16,64")]
    connections: Vec<usize>,
    /// Also compare the CPU of a validation with that at so many enrolments.
    #[arg(long, value_name = "ENROLMENTS")]
    compare: Option<usize>,
    /// Write the results here, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where the programs are.
    #[arg(long, default_value = "target/release")]
    programs: PathBuf,
    /// Where data may lie meanwhile; a temporary directory if not given.
    #[arg(long)]
    scratch: Option<PathBuf>,
}

fn main() {
    let arguments = Arguments::parse();
    let temporary = tempfile::tempdir().expect("a temporary directory");
    let scratch = arguments.scratch.clone().unwrap_or_else(|| temporary.path().to_owned());
    let mut report = Report::default();
    let mut product = Subject::prepare(Kind::Countersign, &arguments.programs, &scratch, arguments.enrolments);
    let mut ideal = Subject::prepare(Kind::Ideal, &arguments.programs, &scratch, arguments.enrolments);
    for round in 1..=arguments.rounds {
        println!("round {round} of {}", arguments.rounds);
        for &connections in &arguments.connections {
            // Whoever is first in one round is second in the next.
            let pair = if round % 2 == 0 { [&mut product, &mut ideal] } else { [&mut ideal, &mut product] };
            for subject in pair {
                for workload in [Workload::Right, Workload::Wrong] {
                    let measured = measure(subject, workload, connections, arguments.requests);
                    report.add(subject.name(), workload, connections, measured);
                }
            }
        }
        for workload in [Workload::AdminGenerate, Workload::TokenLookup] {
            let measured = measure(&mut product, workload, 16, arguments.requests);
            report.add(product.name(), workload, 16, measured);
        }
    }
    report.idle(product.name(), product.idle());
    report.idle(ideal.name(), ideal.idle());
    drop((product, ideal));
    if let Some(enrolments) = arguments.compare {
        compare(&arguments, &scratch, enrolments, &mut report);
    }
    println!("{}", report.table());
    if let Some(path) = &arguments.json {
        std::fs::write(path, report.json()).expect("a place for the results");
    }
}

/// Measure so many requests at most. The first tenth is not counted: a server that has just started opens its connections to the database then.
fn measure(subject: &mut Subject, workload: Workload, connections: usize, requests: usize) -> load::Measurement {
    let batch = subject.requests(workload, requests);
    let (first, counted) = batch.split_at(batch.len() / 10);
    run(subject.address(), connections, first, workload);
    let before = subject.cpu_seconds();
    let mut measured = run(subject.address(), connections, counted, workload);
    measured.cpu_per_request_us = (subject.cpu_seconds() - before) / float(counted.len()) * 1e6;
    measured
}

/// The CPU that one validation costs at two sizes, in turn, so that both see the same machine.
fn compare(arguments: &Arguments, scratch: &std::path::Path, enrolments: usize, report: &mut Report) {
    let mut small = Subject::prepare(Kind::Countersign, &arguments.programs, scratch, 1_000);
    let mut large = Subject::prepare(Kind::Countersign, &arguments.programs, scratch, enrolments);
    for _ in 0..arguments.rounds {
        for subject in [&mut small, &mut large] {
            // The small one has to begin anew each time, so the large one does too.
            subject.restart();
            let measured = measure(subject, Workload::Right, 64, 1_000);
            report.add(subject.name(), Workload::Right, 64, measured);
        }
    }
    report.idle(small.name(), small.idle());
    report.idle(large.name(), large.idle());
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below what a float can hold")]
fn float(count: usize) -> f64 {
    count as f64
}
