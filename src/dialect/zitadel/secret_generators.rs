//! Secret generators in the admin service: how the codes that are sent look, and how long they are good.

use std::time::Duration;

use super::auth::Permission;
use super::details::{Details, Done, ListDetails};
use super::error::Error;
use super::message::{enumeration, message};
use super::method::{Api, Call, Method, Plan, Reply};
use super::settings::Empty;
use crate::engine::{self, secret_generators};
use crate::model::secret_generator::{Form, Purpose, SecretGenerator, Unsafe};

/// The methods.
pub(super) const METHODS: &[Method] = &[
    Method::new(
        Api::Admin,
        "GetSecretGenerator",
        &[("GET", "secretgenerators/{generator_type}")],
        Permission::IamRead,
        |call, sent| get(call, &sent.read()?),
    ),
    Method::new(
        Api::Admin,
        "UpdateSecretGenerator",
        &[("PUT", "secretgenerators/{generator_type}")],
        Permission::IamWrite,
        |_, sent| update(&sent.read()?),
    ),
    Method::new(
        Api::Admin,
        "ListSecretGenerators",
        &[("POST", "secretgenerators/_search")],
        Permission::IamRead,
        |call, sent| list(call, &sent.read()?),
    ),
];

message! {
    struct Get("GetSecretGeneratorRequest") {
        generator_type: Type,
    }

    struct Update("UpdateSecretGeneratorRequest") {
        generator_type: Type,
        length: u32,
        expiry: Duration,
        include_lower_letters: bool,
        include_upper_letters: bool,
        include_digits: bool,
        include_symbols: bool,
    }

    struct Shown("GetSecretGeneratorResponse") {
        secret_generator: Known,
    }

    struct Found("ListSecretGeneratorsResponse") {
        details: ListDetails,
        result: Vec<Known>,
    }

    /// A generator as it is shown.
    struct Known("SecretGenerator") {
        generator_type: Type,
        details: Details,
        length: u32,
        expiry: Duration,
        include_lower_letters: bool,
        include_upper_letters: bool,
        include_digits: bool,
        include_symbols: bool,
    }
}

enumeration! {
    /// What codes are for.
    enum Type {
        Unspecified = 0 "SECRET_GENERATOR_TYPE_UNSPECIFIED",
        Init = 1 "SECRET_GENERATOR_TYPE_INIT_CODE",
        VerifyEmail = 2 "SECRET_GENERATOR_TYPE_VERIFY_EMAIL_CODE",
        VerifyPhone = 3 "SECRET_GENERATOR_TYPE_VERIFY_PHONE_CODE",
        PasswordReset = 4 "SECRET_GENERATOR_TYPE_PASSWORD_RESET_CODE",
        PasswordlessInit = 5 "SECRET_GENERATOR_TYPE_PASSWORDLESS_INIT_CODE",
        AppSecret = 6 "SECRET_GENERATOR_TYPE_APP_SECRET",
        OtpSms = 7 "SECRET_GENERATOR_TYPE_OTP_SMS",
        OtpEmail = 8 "SECRET_GENERATOR_TYPE_OTP_EMAIL",
    }
}

impl Type {
    fn purpose(self) -> Result<Purpose, Error> {
        match self {
            Self::Unspecified => Err(Error::invalid("COMMAND-2n7fs", "the type of the secret generator is missing")),
            Self::Init => Ok(Purpose::Init),
            Self::VerifyEmail => Ok(Purpose::VerifyEmail),
            Self::VerifyPhone => Ok(Purpose::VerifyPhone),
            Self::PasswordReset => Ok(Purpose::PasswordReset),
            Self::PasswordlessInit => Ok(Purpose::PasskeyRegistration),
            Self::AppSecret => Ok(Purpose::AppSecret),
            Self::OtpSms => Ok(Purpose::OtpSms),
            Self::OtpEmail => Ok(Purpose::OtpEmail),
        }
    }

    const fn of(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Init => Self::Init,
            Purpose::VerifyEmail => Self::VerifyEmail,
            Purpose::VerifyPhone => Self::VerifyPhone,
            Purpose::PasswordReset => Self::PasswordReset,
            Purpose::PasskeyRegistration => Self::PasswordlessInit,
            Purpose::AppSecret => Self::AppSecret,
            Purpose::OtpSms => Self::OtpSms,
            Purpose::OtpEmail => Self::OtpEmail,
        }
    }
}

impl Known {
    fn of(generator: &SecretGenerator) -> Self {
        let Form { length, expiry, lower, upper, digits, symbols } = generator.form;
        Self {
            generator_type: Type::of(generator.purpose),
            details: Details::of_instance(generator.revision),
            length,
            expiry,
            include_lower_letters: lower,
            include_upper_letters: upper,
            include_digits: digits,
            include_symbols: symbols,
        }
    }
}

fn get(call: &mut Call<'_>, asked: &Get) -> Result<Plan, Error> {
    let generator = secret_generators::of(call.tx, call.access, asked.generator_type.purpose()?)?;
    Plan::reply(&Shown { secret_generator: Known::of(&generator) })
}

fn list(call: &mut Call<'_>, _asked: &Empty) -> Result<Plan, Error> {
    let mut result = Vec::new();
    for purpose in Purpose::ALL {
        result.push(Known::of(&secret_generators::of(call.tx, call.access, purpose)?));
    }
    Plan::reply(&Found { details: ListDetails::old(result.len(), call.tx.now()), result })
}

fn update(asked: &Update) -> Result<Plan, Error> {
    let purpose = asked.generator_type.purpose()?;
    let form = Form {
        length: asked.length,
        expiry: asked.expiry,
        lower: asked.include_lower_letters,
        upper: asked.include_upper_letters,
        digits: asked.include_digits,
        symbols: asked.include_symbols,
    };
    Ok(Plan::write(move |tx, access| {
        let generator = secret_generators::set(tx, access, purpose, form).map_err(words)?;
        Ok(Reply::of(&Done { details: Details::of_instance(generator.revision) }))
    }))
}

fn words(error: engine::Error) -> Error {
    use secret_generators::Refusal as R;
    let engine::Error::SecretGenerator(refusal) = error else { return error.into() };
    match refusal {
        R::Unsafe(Unsafe::Length) => Error::invalid("COMMAND-Sg3n1", "a code has 6 to 200 characters"),
        R::Unsafe(Unsafe::TooFew) => Error::invalid("COMMAND-Sg3n2", "there would be too few different codes"),
        R::Unsafe(Unsafe::Endless) => Error::invalid("COMMAND-Sg3n3", "a code that is sent must expire"),
        R::Unchanged => Error::precondition("COMMAND-m0o3f", "Errors.NoChangesFound"),
    }
}
