//! The unseal key in a file of its own: base64 of 32 bytes, mode 0600, beside the database or wherever the operator mounts it.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{Error, UNSEAL_KEY_BYTES, UnsealKey};
use crate::entropy::Entropy;
use crate::secret::Secret;

/// The key in the file at `path`; `None` when there is no such file.
///
/// # Errors
/// [`Error::KeyFile`] when the file cannot be read, is no key, or can be read by others than its owner.
pub fn load(path: &Path) -> Result<Option<UnsealKey>, Error> {
    let fault = |why: String| Error::KeyFile { path: path.to_owned(), why };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fault(error.to_string())),
    };
    let mode = file.metadata().map_err(|error| fault(error.to_string()))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(fault(format!("mode {:04o} lets others in; make it 0600", mode & 0o7777)));
    }
    let mut text = Zeroizing::new(String::new());
    // A key is 44 characters; what is longer is some other file, and is not read whole.
    Read::take(&mut file, 256).read_to_string(&mut text).map_err(|error| fault(error.to_string()))?;
    let key = parse(text.trim()).ok_or_else(|| fault("it does not hold 32 bytes in base64".into()))?;
    Ok(Some(key))
}

/// A fresh key in a new file at `path`, durable before this returns.
///
/// # Errors
/// [`Error::KeyFile`] when the file exists already or cannot be written.
pub fn create(path: &Path, entropy: &dyn Entropy) -> Result<UnsealKey, Error> {
    let key: UnsealKey = Secret::new(entropy.bytes());
    let text = Zeroizing::new(format!("{}\n", STANDARD.encode(key.expose())));
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        File::open(path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))?.sync_all()
    };
    write()
        .map_err(|error: std::io::Error| Error::KeyFile { path: path.to_owned(), why: error.to_string() })
        .map(|()| key)
}

/// A key as people write it: 32 bytes in hex or standard base64.
pub fn parse(text: &str) -> Option<UnsealKey> {
    let bytes = decode(text)?;
    <[u8; UNSEAL_KEY_BYTES]>::try_from(bytes.as_slice()).ok().map(Secret::new)
}

/// The bytes that `text` says in hex or base64, whether or not they make an unseal key.
pub fn decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok().or_else(|| STANDARD.decode(text).ok());
    bytes.map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    #[test]
    fn a_key_file_is_made_once_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("unseal.key");
        assert!(load(&path).unwrap().is_none());
        let key = create(&path, &SeededEntropy::new(1)).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(load(&path).unwrap().unwrap() == key);
        assert!(create(&path, &SeededEntropy::new(2)).is_err());
        assert!(load(&path).unwrap().unwrap() == key);
    }

    #[test]
    fn a_key_file_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("unseal.key");
        create(&path, &SeededEntropy::new(1)).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(load(&path).err().unwrap().to_string().contains("mode 0640"));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["", "short", "AAAA", &"A".repeat(500)] {
            let path = dir.path().join("unseal.key");
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            assert!(load(&path).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_key_reads_the_same_in_hex_and_base64() {
        assert!(parse(&"07".repeat(32)).unwrap() == parse(&STANDARD.encode([7; 32])).unwrap());
    }
}
