//! The `countersign` binary: everything is in the library.

fn main() -> std::process::ExitCode {
    countersign::cli::run()
}
