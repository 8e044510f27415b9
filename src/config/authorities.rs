//! The authorities that a `ca_file` setting trusts instead of the built-in ones: certificates in PEM. Asks nobody whether they
//! hold.

use std::path::Path;

use ureq::tls::{PemItem, RootCerts, parse_pem};

/// The certificates of this file.
///
/// # Errors
/// It cannot be read, or holds none: without its name.
pub fn trusted(path: &Path) -> Result<RootCerts, String> {
    let pem = std::fs::read(path).map_err(|error| error.to_string())?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| error.to_string())? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err("no certificate in it".to_owned());
    }
    Ok(RootCerts::new_with_certs(&certificates))
}
