//! 9101 as a form: a part `jsonStr` with the envelope and a part `file` with the bytes (`wire.md` §4.2).

use bytes::Bytes;

/// The envelope and the file of a multipart body; any other body as it is.
pub(super) fn open(body: &[u8]) -> (&[u8], Option<Bytes>) {
    let Some(line) = body.starts_with(b"--").then(|| find(body, b"\r\n")).flatten() else { return (body, None) };
    let boundary = &body[..line];
    let (mut envelope, mut file) = (body, None);
    let mut rest = &body[line..];
    while let Some(end) = find(rest, boundary) {
        // A part: CR LF, its head, an empty line, its content, CR LF.
        let part = &rest[..end];
        if let Some(head) = find(part, b"\r\n\r\n") {
            let content = &part[head + 4..part.len().saturating_sub(2).max(head + 4)];
            let head = String::from_utf8_lossy(&part[..head]);
            if head.contains("name=\"jsonStr\"") {
                envelope = content;
            } else if head.contains("name=\"file\"") {
                file = Some(Bytes::copy_from_slice(content));
            }
        }
        rest = &rest[end + boundary.len()..];
    }
    (envelope, file)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_opened_and_anything_else_left_alone() {
        let form = b"--b1\r\nContent-Disposition: form-data; name=\"jsonStr\"\r\n\r\n{\"infno\":\"9101\"}\r\n--b1\r\n\
            Content-Disposition: form-data; name=\"file\"; filename=\"a.zip\"\r\n\r\nPK\r\n\x00\r\n--b1--\r\n";
        assert_eq!(open(form), (&b"{\"infno\":\"9101\"}"[..], Some(Bytes::from_static(b"PK\r\n\x00"))));
        assert_eq!(open(b"{}"), (&b"{}"[..], None));
        assert_eq!(open(b"--"), (&b"--"[..], None));
    }
}
