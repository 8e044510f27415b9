//! The certificate that the gateway shows, and its key: read from PEM files, and read again once they were renewed.
//!
//! Never goes on without TLS where it is set: files that cannot be used keep the process from starting, and a renewal that
//! cannot be used leaves what there is. Never tells what is in a key.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::TlsSettings;

/// Largest file that is read, bytes: a chain has a few thousand.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{setting} {}: cannot be read: {source}; name a file that exists and can be read", path.display())]
    Read {
        /// The setting that names the file.
        setting: &'static str,
        /// The file, as the setting names it.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A file holds something else.
    #[error("{setting} {}: {problem}", path.display())]
    Content {
        /// The setting that names the file.
        setting: &'static str,
        /// The file, as the setting names it.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// The files do not belong together.
    #[error(
        "gateway.tls.cert_file and gateway.tls.key_file cannot be used together: {0}; name the certificate chain and the \
         key that its first certificate is for"
    )]
    Pair(rustls::Error),
}

/// What is shown to clients at the moment.
#[derive(Debug)]
pub struct Certificates {
    files: TlsSettings,
    shown: Mutex<Shown>,
}

#[derive(Debug)]
struct Shown {
    /// Of both files' bytes.
    digest: blake3::Hash,
    config: Arc<ServerConfig>,
}

impl Certificates {
    /// Reads both files.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn load(files: &TlsSettings) -> Result<Self, TlsError> {
        let (chain, key) = read_both(files)?;
        let config = Arc::new(config_of(files, &chain, &key)?);
        let shown = Mutex::new(Shown { digest: digest(&chain, &key), config });
        Ok(Self { files: files.clone(), shown })
    }

    /// Takes up what is in the files by now; whether it differs from before. They are compared by what is in
    /// them: times of files that are links, as where secrets are mounted, say nothing.
    ///
    /// # Errors
    /// [`TlsError`]; what was shown is shown on.
    pub fn renew(&self) -> Result<bool, TlsError> {
        let (chain, key) = read_both(&self.files)?;
        let digest = digest(&chain, &key);
        if self.shown.lock().unwrap_or_else(PoisonError::into_inner).digest == digest {
            return Ok(false);
        }
        let config = Arc::new(config_of(&self.files, &chain, &key)?);
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Shown { digest, config };
        Ok(true)
    }

    /// What makes TLS of the next connection.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.shown.lock().unwrap_or_else(PoisonError::into_inner).config))
    }
}

fn read_both(files: &TlsSettings) -> Result<(Vec<u8>, Vec<u8>), TlsError> {
    Ok((read("gateway.tls.cert_file", &files.cert_file)?, read("gateway.tls.key_file", &files.key_file)?))
}

fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    let mut bytes = Vec::new();
    let read =
        std::fs::File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    read.map_err(|source| TlsError::Read { setting, path: path.to_owned(), source })?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let problem = format!("is longer than {FILE_BYTES_MAX} bytes; name a file in PEM");
        return Err(TlsError::Content { setting, path: path.to_owned(), problem });
    }
    Ok(bytes)
}

fn digest(chain: &[u8], key: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&chain.len().to_le_bytes()).update(chain).update(key);
    hasher.finalize()
}

fn config_of(files: &TlsSettings, chain: &[u8], key: &[u8]) -> Result<ServerConfig, TlsError> {
    let content = |setting, path: &Path, problem: &str| TlsError::Content {
        setting,
        path: path.to_owned(),
        problem: problem.to_owned(),
    };
    let chain: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(chain).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| {
        let problem = "holds no certificate in PEM; name the file with the certificate and those between it and its \
                       authority";
        content("gateway.tls.cert_file", &files.cert_file, problem)
    })?;
    // What the parser says may quote the key.
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| {
        let problem = "holds no private key in PEM that can be used; it must not be encrypted";
        content("gateway.tls.key_file", &files.key_file, problem)
    })?;
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Pair)?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key).map_err(TlsError::Pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
