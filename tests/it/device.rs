//! A security key in software that does whatever it is told, right or wrong: real authenticators do not lie on demand.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_cbor_2::Value as Cbor;
use serde_json::{Value, json};

/// The user was there.
pub(crate) const UP: u8 = 0x01;
/// The authenticator knew them.
pub(crate) const UV: u8 = 0x04;
/// The credential can be copied.
pub(crate) const BE: u8 = 0x08;
/// It has been.
pub(crate) const BS: u8 = 0x10;
const AT: u8 = 0x40;

/// A key pair.
pub(crate) enum Key {
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

/// The authenticator, and the browser it is plugged into. Tests change it as they like between ceremonies.
pub(crate) struct Device {
    pub(crate) key: Key,
    pub(crate) id: Vec<u8>,
    pub(crate) origin: String,
    pub(crate) rp_id: String,
    pub(crate) flags: u8,
    pub(crate) counter: u32,
    pub(crate) aaguid: [u8; 16],
    /// What is shown of its make.
    pub(crate) format: Format,
    /// More members of the client data.
    pub(crate) said: Value,
    /// Bytes behind the authenticator data.
    pub(crate) behind: Vec<u8>,
    pub(crate) user_handle: Option<String>,
    pub(crate) extensions: Value,
}

/// What is shown of an authenticator's make.
pub(crate) enum Format {
    None,
    /// Signed by the credential's own key.
    OwnKey,
    /// Signed by this key, of this certificate, DER.
    Certified(EcdsaKeyPair, Vec<u8>),
    /// This, whatever it is.
    Other(String, Cbor),
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes)
}

pub(crate) fn es256() -> Key {
    Key::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
}

impl Key {
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Es256(key) => key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Self::EdDsa(key) => key.sign(message).as_ref().to_vec(),
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
        }
    }

    fn algorithm(&self) -> i128 {
        match self {
            Self::Es256(_) => -7,
            Self::Rs256(_) => -257,
            Self::EdDsa(_) => -8,
        }
    }

    fn cose(&self) -> Cbor {
        let int = Cbor::Integer;
        let members = match self {
            Self::Es256(key) => {
                let point = key.public_key().as_ref();
                let (x, y) = point[1..].split_at(32);
                vec![(1, int(2)), (-1, int(1)), (-2, Cbor::Bytes(x.into())), (-3, Cbor::Bytes(y.into()))]
            }
            Self::EdDsa(key) => {
                vec![(1, int(1)), (-1, int(6)), (-2, Cbor::Bytes(key.public_key().as_ref().into()))]
            }
            Self::Rs256(key) => {
                // DER: a sequence of the modulus, 256 bytes, and the exponent, 3 bytes.
                let public = key.public_key().as_ref();
                let (n, e) = (&public[9..265], &public[267..270]);
                vec![(1, int(3)), (-1, Cbor::Bytes(n.into())), (-2, Cbor::Bytes(e.into()))]
            }
        };
        let members = members.into_iter().map(|(label, value)| (int(label), value));
        Cbor::Map(members.chain([(int(3), int(self.algorithm()))]).collect())
    }
}

impl Device {
    /// A key of P-256 that does all right, at this origin of this relying party.
    pub(crate) fn new(origin: &str, rp_id: &str) -> Self {
        Self::with(es256(), origin, rp_id)
    }

    pub(crate) fn rs256(origin: &str, rp_id: &str) -> Self {
        Self::with(Key::Rs256(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()), origin, rp_id)
    }

    pub(crate) fn ed_dsa(origin: &str, rp_id: &str) -> Self {
        Self::with(Key::EdDsa(Ed25519KeyPair::generate().unwrap()), origin, rp_id)
    }

    fn with(key: Key, origin: &str, rp_id: &str) -> Self {
        let mut id = vec![0; 32];
        aws_lc_rs::rand::fill(&mut id).unwrap();
        Self {
            key,
            id,
            origin: origin.into(),
            rp_id: rp_id.into(),
            flags: UP,
            counter: 0,
            aaguid: [7; 16],
            format: Format::None,
            said: json!({}),
            behind: Vec::new(),
            user_handle: None,
            extensions: json!({}),
        }
    }

    fn client_data(&self, kind: &str, challenge: &Value) -> Vec<u8> {
        let mut said = json!({ "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false });
        for (name, value) in self.said.as_object().unwrap() {
            said[name] = value.clone();
        }
        serde_json::to_vec(&said).unwrap()
    }

    fn data(&self, flags: u8, attested: &[u8]) -> Vec<u8> {
        let mut data = digest(&SHA256, self.rp_id.as_bytes()).as_ref().to_vec();
        data.push(flags);
        data.extend(self.counter.to_be_bytes());
        data.extend(attested);
        data.extend(&self.behind);
        data
    }

    /// The attestation object that answers these options.
    pub(crate) fn attestation_object(&self, client_data: &[u8]) -> Vec<u8> {
        let mut attested = self.aaguid.to_vec();
        attested.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        attested.extend(&self.id);
        attested.extend(serde_cbor_2::to_vec(&self.key.cose()).unwrap());
        let data = self.data(self.flags | AT, &attested);
        let mut message = data.clone();
        message.extend(digest(&SHA256, client_data).as_ref());
        let text = |text: &str| Cbor::Text(text.into());
        let statement = |members: Vec<(&str, Cbor)>| {
            Cbor::Map(members.into_iter().map(|(name, value)| (text(name), value)).collect())
        };
        let (format, statement) = match &self.format {
            Format::None => ("none", statement(Vec::new())),
            Format::OwnKey => {
                let sig = Cbor::Bytes(self.key.sign(&message));
                ("packed", statement(vec![("alg", Cbor::Integer(self.key.algorithm())), ("sig", sig)]))
            }
            Format::Certified(key, certificate) => {
                let sig = Cbor::Bytes(key.sign(&SystemRandom::new(), &message).unwrap().as_ref().to_vec());
                let x5c = Cbor::Array(vec![Cbor::Bytes(certificate.clone())]);
                ("packed", statement(vec![("alg", Cbor::Integer(-7)), ("sig", sig), ("x5c", x5c)]))
            }
            Format::Other(format, statement) => (format.as_str(), statement.clone()),
        };
        let object = [("fmt", text(format)), ("attStmt", statement), ("authData", Cbor::Bytes(data))];
        let object = object.into_iter().map(|(name, value)| (text(name), value)).collect();
        serde_cbor_2::to_vec(&Cbor::Map(object)).unwrap()
    }

    /// What it answers to these creation options.
    pub(crate) fn register(&mut self, options: &Value) -> Value {
        let options = &options["publicKey"];
        self.user_handle = options["user"]["id"].as_str().map(str::to_owned);
        let client_data = self.client_data("webauthn.create", &options["challenge"]);
        let object = self.attestation_object(&client_data);
        json!({
            "type": "public-key", "id": encode(&self.id), "rawId": encode(&self.id),
            "response": { "clientDataJSON": encode(&client_data), "attestationObject": encode(&object) },
            "clientExtensionResults": {},
        })
    }

    /// What it answers to these request options.
    pub(crate) fn assert(&self, options: &Value) -> Value {
        let client_data = self.client_data("webauthn.get", &options["publicKey"]["challenge"]);
        let data = self.data(self.flags, &[]);
        let mut message = data.clone();
        message.extend(digest(&SHA256, &client_data).as_ref());
        json!({
            "type": "public-key", "id": encode(&self.id), "rawId": encode(&self.id),
            "response": {
                "clientDataJSON": encode(&client_data), "authenticatorData": encode(&data),
                "signature": encode(&self.key.sign(&message)), "userHandle": self.user_handle,
            },
            "clientExtensionResults": self.extensions,
        })
    }
}

/// Who vouches for authenticators.
pub(crate) type Authority = rcgen::CertifiedIssuer<'static, rcgen::KeyPair>;

pub(crate) fn authority(name: &str) -> Authority {
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap()
}

pub(crate) fn pem(certificate: &rcgen::Certificate) -> String {
    let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, certificate.der());
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// A certificate as section 8.2.1 wants it.
pub(crate) fn leaf_of(root: &Authority) -> (rcgen::KeyPair, rcgen::Certificate) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    for (kind, value) in [
        (rcgen::DnType::CountryName, "SE"),
        (rcgen::DnType::OrganizationName, "Acme"),
        (rcgen::DnType::OrganizationalUnitName, "Authenticator Attestation"),
        (rcgen::DnType::CommonName, "Acme Key"),
    ] {
        params.distinguished_name.push(kind, value);
    }
    params.is_ca = rcgen::IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    let certificate = params.signed_by(&key, root).unwrap();
    (key, certificate)
}

/// What an authenticator with this certificate, and its key, shows.
pub(crate) fn certified(key: &rcgen::KeyPair, certificate: &rcgen::Certificate) -> Format {
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &key.serialize_der());
    Format::Certified(key.unwrap(), certificate.der().to_vec())
}
