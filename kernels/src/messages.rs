//! SHA-512 of many messages of one length, and their expansion to uniform bytes for hashing to a group.

use sha2::{Digest, Sha512};

use crate::elements::Way;
#[cfg(target_arch = "x86_64")]
use crate::lanes_hash;

/// expand_message_xmd with SHA-512 (RFC 9380, section 5.3.1), filling `out`: 1 to 255 · 64 bytes. The tag must
/// be at most 255 bytes.
pub fn expand_message(message: &[u8], domain: &[u8], out: &mut [u8]) {
    const BLOCK: usize = 128;
    debug_assert!(domain.len() <= 255 && !out.is_empty() && out.len() <= 255 * 64);
    let length = (out.len() as u16).to_be_bytes();
    let tag_length = [domain.len() as u8];
    let seed = Sha512::new()
        .chain_update([0; BLOCK])
        .chain_update(message)
        .chain_update(length)
        .chain_update([0])
        .chain_update(domain)
        .chain_update(tag_length)
        .finalize();
    let mut previous = [0; 64];
    for (number, part) in (1u8..).zip(out.chunks_mut(64)) {
        for (byte, first) in previous.iter_mut().zip(&seed) {
            *byte ^= first;
        }
        previous = Sha512::new()
            .chain_update(previous)
            .chain_update([number])
            .chain_update(domain)
            .chain_update(tag_length)
            .finalize()
            .into();
        part.copy_from_slice(&previous[..part.len()]);
    }
}

impl Way {
    /// Expands messages of one width, one after another, to 64 bytes each.
    pub fn expand(self, messages: &[u8], width: usize, domain: &[u8], out: &mut [[u8; 64]]) {
        #[cfg(target_arch = "x86_64")]
        if self.is_wide() {
            // SAFETY: such a Way exists only where the features were detected.
            unsafe { lanes_hash::expand_all(messages, width, domain, out) };
            return;
        }
        for (message, out) in messages.chunks(width).zip(out) {
            expand_message(message, domain, out);
        }
    }

    /// SHA-512 of messages of one length, which `write` writes by their number.
    pub fn hash(self, length: usize, write: &dyn Fn(usize, &mut [u8]), out: &mut [[u8; 64]]) {
        #[cfg(target_arch = "x86_64")]
        if self.is_wide() {
            // SAFETY: such a Way exists only where the features were detected.
            unsafe { lanes_hash::hash_all(length, write, out) };
            return;
        }
        let mut message = vec![0; length];
        for (number, out) in out.iter_mut().enumerate() {
            write(number, &mut message);
            *out = Sha512::digest(&message).into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unhex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal"))
            .collect()
    }

    /// RFC 9380, appendix K.3.
    #[test]
    fn messages_expand_as_the_rfc_says() {
        const TAG: &[u8] = b"QUUX-V01-CS02-with-expander-SHA512-256";
        let (q128, a512) = (
            format!("q128_{}", "q".repeat(128)),
            format!("a512_{}", "a".repeat(512)),
        );
        let vectors = [
            (
                "",
                "6b9a7312411d92f921c6f68ca0b6380730a1a4d982c507211a90964c394179ba",
            ),
            (
                "abc",
                "0da749f12fbe5483eb066a5f595055679b976e93abe9be6f0f6318bce7aca8dc",
            ),
            (
                "abcdef0123456789",
                "087e45a86e2939ee8b91100af1583c4938e0f5fc6c9db4b107b83346bc967f58",
            ),
            (
                &q128,
                "7336234ee9983902440f6bc35b348352013becd88938d2afec44311caf8356b3",
            ),
            (
                &a512,
                "57b5f7e766d5be68a6bfe1768e3c2b7f1228b3e4b3134956dd73a59b954c66f4",
            ),
            (
                "",
                "41b037d1734a5f8df225dd8c7de38f851efdb45c372887be655212d07251b921\
                 b052b62eaed99b46f72f2ef4cc96bfaf254ebbbec091e1a3b9e4fb5e5b619d2e\
                 0c5414800a1d882b62bb5cd1778f098b8eb6cb399d5d9d18f5d5842cf5d13d7e\
                 b00a7cff859b605da678b318bd0e65ebff70bec88c753b159a805d2c89c55961",
            ),
            (
                "abc",
                "7f1dddd13c08b543f2e2037b14cefb255b44c83cc397c1786d975653e36a6b11\
                 bdd7732d8b38adb4a0edc26a0cef4bb45217135456e58fbca1703cd6032cb134\
                 7ee720b87972d63fbf232587043ed2901bce7f22610c0419751c065922b48843\
                 1851041310ad659e4b23520e1772ab29dcdeb2002222a363f0c2b1c972b3efe1",
            ),
            (
                "abcdef0123456789",
                "3f721f208e6199fe903545abc26c837ce59ac6fa45733f1baaf0222f8b7acb04\
                 24814fcb5eecf6c1d38f06e9d0a6ccfbf85ae612ab8735dfdf9ce84c372a77c8\
                 f9e1c1e952c3a61b7567dd0693016af51d2745822663d0c2367e3f4f0bed827f\
                 eecc2aaf98c949b5ed0d35c3f1023d64ad1407924288d366ea159f46287e61ac",
            ),
            (
                &q128,
                "b799b045a58c8d2b4334cf54b78260b45eec544f9f2fb5bd12fb603eaee70db7\
                 317bf807c406e26373922b7b8920fa29142703dd52bdf280084fb7ef69da78af\
                 df80b3586395b433dc66cde048a258e476a561e9deba7060af40adf30c64249c\
                 a7ddea79806ee5beb9a1422949471d267b21bc88e688e4014087a0b592b695ed",
            ),
            (
                &a512,
                "05b0bfef265dcee87654372777b7c44177e2ae4c13a27f103340d9cd11c86cb2\
                 426ffcad5bd964080c2aee97f03be1ca18e30a1f14e27bc11ebbd650f305269c\
                 c9fb1db08bf90bfc79b42a952b46daf810359e7bc36452684784a64952c343c5\
                 2e5124cd1f71d474d5197fefc571a92929c9084ffe1112cf5eea5192ebff330b",
            ),
        ];
        for (message, expected) in vectors {
            let expected = unhex(expected);
            let mut out = vec![0; expected.len()];
            expand_message(message.as_bytes(), TAG, &mut out);
            assert_eq!(out, expected, "{} bytes of {message:?}", out.len());
        }
    }

    /// Lengths around those where another block begins, and numbers of messages around eight.
    #[test]
    fn every_way_hashes_as_the_library_does() {
        let bytes: Vec<u8> = (0..9 * 300u32).map(|k| (k * k % 251) as u8).collect();
        for way in Way::all() {
            for length in [1, 32, 111, 112, 127, 128, 129, 239, 240, 300] {
                for count in [1, 8, 9] {
                    let messages = &bytes[..count * length];
                    let row = |number: usize| &messages[number * length..][..length];
                    let mut out = vec![[0; 64]; count];
                    way.hash(
                        length,
                        &|number, to| to.copy_from_slice(row(number)),
                        &mut out,
                    );
                    for (number, out) in out.iter().enumerate() {
                        assert_eq!(out[..], Sha512::digest(row(number))[..], "{way:?} {length}");
                    }
                    for domain in [&b"tag"[..], &[7; 60], &[9; 255]] {
                        way.expand(messages, length, domain, &mut out);
                        for (number, out) in out.iter().enumerate() {
                            let mut expected = [0; 64];
                            expand_message(row(number), domain, &mut expected);
                            assert_eq!(*out, expected, "{way:?} {length}");
                        }
                    }
                }
            }
        }
    }
}
