//! Verifies the signatures of tokens by ring, for `jsonwebtoken`, which has no cryptography of its own here.
//!
//! Takes RS256, PS256, ES256 and EdDSA. Never signs, and never takes a shared secret: what is public would be one.

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{Error, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters,
    RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};

static BY_RING: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Lets `jsonwebtoken` verify by ring in this process.
pub(super) fn install() {
    // There can be another one already only where this was called before: nobody else has one.
    let _ = BY_RING.install_default();
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let verified = match (algorithm, key.kind()) {
        (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, e }) => {
            rsa(&RSA_PKCS1_2048_8192_SHA256, n, e)
        }
        (Algorithm::PS256, DecodingKeyKind::RsaModulusExponent { n, e }) => {
            rsa(&RSA_PSS_2048_8192_SHA256, n, e)
        }
        (Algorithm::ES256, DecodingKeyKind::SecretOrDer(point)) => plain(&ECDSA_P256_SHA256_FIXED, point),
        (Algorithm::EdDSA, DecodingKeyKind::SecretOrDer(point)) => plain(&ED25519, point),
        _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
    };
    Ok(Box::new(ByRing { algorithm: *algorithm, verified }))
}

enum VerifyingKey {
    Rsa(&'static RsaParameters, RsaPublicKeyComponents<Vec<u8>>),
    Plain(UnparsedPublicKey<Vec<u8>>),
}

fn rsa(parameters: &'static RsaParameters, n: &[u8], e: &[u8]) -> VerifyingKey {
    // Some issuers write a zero before the number, which ring takes for a mistake.
    let number = |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
    VerifyingKey::Rsa(parameters, RsaPublicKeyComponents { n: number(n), e: number(e) })
}

fn plain(algorithm: &'static dyn VerificationAlgorithm, point: &[u8]) -> VerifyingKey {
    VerifyingKey::Plain(UnparsedPublicKey::new(algorithm, point.to_vec()))
}

struct ByRing {
    algorithm: Algorithm,
    verified: VerifyingKey,
}

impl Verifier<Vec<u8>> for ByRing {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        let verified = match &self.verified {
            VerifyingKey::Rsa(parameters, key) => key.verify(parameters, message, signature),
            VerifyingKey::Plain(key) => key.verify(message, signature),
        };
        verified.map_err(|_unspecified| Error::new())
    }
}

impl JwtVerifier for ByRing {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
