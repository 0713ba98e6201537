//! The person at the terminal: asked line by line, so that it works over any connection.

use std::io::{self, BufRead as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcsetattr};

use crate::secret::Secret;

/// Standard input and output.
pub(super) struct Terminal {
    input: io::Stdin,
    output: io::Stdout,
}

impl Terminal {
    /// The one that the program was started at.
    pub(super) fn new() -> Self {
        Self { input: io::stdin(), output: io::stdout() }
    }

    /// Show a text.
    pub(super) fn show(&mut self, text: &str) -> io::Result<()> {
        self.output.write_all(text.as_bytes())?;
        self.output.flush()
    }

    /// Ask for a line.
    ///
    /// # Errors
    /// When there is no more input.
    pub(super) fn ask(&mut self, prompt: &str) -> io::Result<String> {
        self.show(prompt)?;
        let mut line = String::new();
        if self.input.lock().read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// Ask for a line that is not shown while it is typed.
    ///
    /// # Errors
    /// As [`ask`](Self::ask), and when the terminal would show it.
    pub(super) fn ask_secretly(&mut self, prompt: &str) -> io::Result<Secret<String>> {
        let silence = Silence::begin()?;
        let line = self.ask(prompt).map(Secret::new);
        if silence.is_some() {
            self.show("\n")?;
        }
        line
    }
}

/// A terminal that does not show what is typed, until this is dropped.
struct Silence(Termios);

impl Silence {
    fn begin() -> io::Result<Option<Self>> {
        if !isatty(io::stdin()) {
            return Ok(None);
        }
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Some(Self(before)))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // A terminal that is gone needs no restoring.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}
