//! The client: many connections, one thread, requests written out beforehand. It shares the machine with the server, so it does little.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use countersign::time::{Clock, SystemClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Workload {
    /// Each enrolment's present code, once.
    Right,
    /// A wrong code for each enrolment.
    Wrong,
    /// A secret for an entity that has none.
    AdminGenerate,
    /// What a token is.
    TokenLookup,
}

impl Workload {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Right => "validate, right code",
            Self::Wrong => "validate, wrong code",
            Self::AdminGenerate => "admin-generate",
            Self::TokenLookup => "token lookup",
        }
    }

    const fn expected_status(self) -> &'static [u8] {
        match self {
            Self::Right | Self::AdminGenerate | Self::TokenLookup => b"HTTP/1.1 200",
            Self::Wrong => b"HTTP/1.1 403",
        }
    }
}

/// What one measurement found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measurement {
    pub(crate) requests_per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) cpu_per_request_us: f64,
}

/// Send all of `requests` over so many connections, each as soon as the one before it is answered.
pub(crate) fn run(address: SocketAddr, connections: usize, requests: &[Vec<u8>], workload: Workload) -> Measurement {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let local = tokio::task::LocalSet::new();
    let queue = Rc::new(std::cell::Cell::new(0));
    let requests: Rc<[Vec<u8>]> = requests.into();
    let (mut latencies, elapsed) = local.block_on(&runtime, async {
        let mut streams = Vec::new();
        for _ in 0..connections {
            let stream = TcpStream::connect(address).await.expect("a connection");
            stream.set_nodelay(true).expect("no delay");
            streams.push(stream);
        }
        let started = now();
        let tasks: Vec<_> = streams
            .into_iter()
            .map(|stream| tokio::task::spawn_local(work(stream, queue.clone(), requests.clone(), workload)))
            .collect();
        let mut latencies = Vec::new();
        for task in tasks {
            latencies.extend(task.await.expect("a connection's work"));
        }
        (latencies, now().saturating_sub(started))
    });
    latencies.sort_unstable();
    let percentile = |share: usize| {
        let at = latencies.len() * share / 100;
        latencies.get(at.min(latencies.len().saturating_sub(1))).map_or(0.0, |latency| latency.as_secs_f64() * 1e6)
    };
    Measurement {
        requests_per_second: crate::float(latencies.len()) / elapsed.as_secs_f64(),
        p50_us: percentile(50),
        p99_us: percentile(99),
        cpu_per_request_us: 0.0,
    }
}

/// Time since some moment, fine enough for latencies.
fn now() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    // The machine's clock may be set; this one only goes forward.
    debug_assert!(SystemClock.now().as_secs() > 0);
    START.elapsed()
}

async fn work(
    mut stream: TcpStream,
    next: Rc<std::cell::Cell<usize>>,
    requests: Rc<[Vec<u8>]>,
    workload: Workload,
) -> Vec<Duration> {
    let mut latencies = Vec::new();
    let mut answer = Vec::with_capacity(64 << 10);
    loop {
        let at = next.get();
        let Some(request) = requests.get(at) else { return latencies };
        next.set(at + 1);
        let sent = now();
        stream.write_all(request).await.expect("a request goes out");
        answer.clear();
        while !is_whole(&answer) {
            let read = stream.read_buf(&mut answer).await.expect("an answer comes in");
            assert!(read > 0, "the server closed a connection");
        }
        latencies.push(now().saturating_sub(sent));
        let expected = answer.starts_with(workload.expected_status());
        assert!(expected, "{workload:?}: {}", String::from_utf8_lossy(&answer));
    }
}

/// Whether head and body are there: the server always tells a body's length.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(answer.get(..end).unwrap_or_default()).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap_or(0));
    answer.len() >= end + 4 + length
}
