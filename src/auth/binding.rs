//! The server's certificate in, what a client binds its exchange to out.
//! <https://www.rfc-editor.org/rfc/rfc5929#section-4>

use ring::digest;
use x509_parser::prelude::{FromDer, X509Certificate};

/// `tls-server-end-point`: the certificate's hash, by the hash function it is signed with (SHA-256
/// in place of MD5 and SHA-1). `None` for a signature that names no single hash function, which
/// leaves nothing to bind to.
#[must_use]
pub fn server_end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let algorithm = match parsed.signature_algorithm.algorithm.to_id_string().as_str() {
        // RSA with MD5, SHA-1, SHA-256; ECDSA with SHA-1, SHA-256.
        "1.2.840.113549.1.1.4" | "1.2.840.113549.1.1.5" | "1.2.840.113549.1.1.11" => {
            &digest::SHA256
        }
        "1.2.840.10045.4.1" | "1.2.840.10045.4.3.2" => &digest::SHA256,
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => &digest::SHA384,
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => &digest::SHA512,
        _ => return None,
    };
    Some(digest::digest(algorithm, certificate).as_ref().to_vec())
}

#[cfg(test)]
mod tests {
    use super::server_end_point;
    use base64::prelude::{BASE64_STANDARD, Engine as _};

    /// Self-signed, ECDSA with SHA-384.
    const CERTIFICATE: &str = "\
        MIIBbjCCARWgAwIBAgIUSlut3W/Km+4jwtwgXufq6ZE8UEwwCgYIKoZIzj0EAwMwDDEKMAgGA1UEAwwB\
        YTAgFw0yNjExMjQwMTI5MzJaGA8yMTI2MTAzMTAxMjkzMlowDDEKMAgGA1UEAwwBYTBZMBMGByqGSM49\
        AgEGCCqGSM49AwEHA0IABPRK74OEWu3KFqO57Ng2dymEkXZEG/kVqyWfsEtlNwqXqw+NL3K+W47yI15g\
        +2RCG2d1U/Ua+kYP5qh2zN3tb+KjUzBRMB0GA1UdDgQWBBRDSnA8gL5Tt3I8ooIQJMaXVm9DDzAfBgNV\
        HSMEGDAWgBRDSnA8gL5Tt3I8ooIQJMaXVm9DDzAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMDA0cA\
        MEQCIGQuX6k+PNXoc2HMx8sVQsv2rWtSDfu6cptRjcxrWuWJAiA12CF7CubKQnhF4r+fCYNbTJa11pBJ\
        9xpi3mqDmlHsVw==";
    const SHA384: &str = "\
        9ljIMDFfJ2/6nNI+36mpaPqrliKsfyvubyHJwah5O3SFL7JRSU9N3wtF0RsS1Kq1";

    #[test]
    fn certificates() {
        let der = BASE64_STANDARD.decode(CERTIFICATE).unwrap();
        let hash = server_end_point(&der).unwrap();
        assert_eq!(BASE64_STANDARD.encode(hash), SHA384);
        assert_eq!(server_end_point(b"no certificate"), None);
    }
}
