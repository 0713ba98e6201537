//! The `countersign` binary: everything is in the library.

/// Requests allocate and free small things by the dozen, and across threads. With its feature `override` it is SQLite's allocator too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    countersign::cli::run()
}
