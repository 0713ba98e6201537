//! Secret generators: how codes are made now, and what changes that. What has been made stays as it is.

use super::{Access, Error};
use crate::model::secret_generator::{Form, Purpose, SecretGenerator, Unsafe};
use crate::storage::Tx;
use crate::storage::tables::secret_generators::{SECRET_GENERATORS, secret_generator_key};

/// Why a generator stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its codes would be guessed.
    #[error(transparent)]
    Unsafe(#[from] Unsafe),
    /// It is so already.
    #[error("the generator is so already")]
    Unchanged,
}

/// How codes for `purpose` are made.
pub fn of(tx: &mut dyn Tx, access: &Access, purpose: Purpose) -> Result<SecretGenerator, Error> {
    let kept = SECRET_GENERATORS.get(tx, access, secret_generator_key(access, purpose))?;
    Ok(kept.unwrap_or_else(|| SecretGenerator::standard(purpose)))
}

/// Make codes for `purpose` so from now on.
///
/// # Errors
/// [`Refusal`].
pub fn set(tx: &mut dyn Tx, access: &Access, purpose: Purpose, form: Form) -> Result<SecretGenerator, Error> {
    let refused = |refusal: Refusal| Error::SecretGenerator(refusal);
    form.check(purpose).map_err(|why| refused(why.into()))?;
    let generator = of(tx, access, purpose)?;
    if generator.form == form {
        return Err(refused(Refusal::Unchanged));
    }
    let generator = SecretGenerator { form, revision: generator.revision.next(tx.now()), ..generator };
    SECRET_GENERATORS.put(tx, access, &generator)?;
    Ok(generator)
}
