//! Declared changes of bytes: as records hold them, and applied again when a recorded answer is given once more.

use bytes::Bytes;

use crate::domain::message::{Body, HeaderLines, Reply};
use crate::journal::draft::{Edit, Part};
use crate::signing::members::{Change, changed};

/// Changes of a body as a record holds them.
pub(super) fn of_body(changes: Vec<Change>) -> Vec<Edit> {
    let edit = |change: Change| Edit {
        part: Part::Body,
        at: change.at.start,
        remove: change.at.end - change.at.start,
        insert: change.insert.into(),
    };
    changes.into_iter().map(edit).collect()
}

/// A body with its changes.
pub(super) fn body(bytes: &[u8], edits: &[Edit]) -> Bytes {
    let of_body = edits.iter().filter(|edit| edit.part == Part::Body);
    let changes: Vec<Change> = of_body
        .map(|edit| Change { at: edit.at..edit.at.saturating_add(edit.remove), insert: edit.insert.to_vec() })
        .collect();
    changed(bytes, &changes).into()
}

/// The reply as its HIS was told it.
pub(super) fn reply(reply: Reply, edits: &[Edit]) -> Reply {
    match reply.body.buffered() {
        Some(bytes) if !edits.is_empty() => Reply { body: Body::Buffered(body(bytes, edits)), ..reply },
        _ => reply,
    }
}

/// Puts lines in the place of those of the same name, whatever its case, and the rest at the end. A name said twice stays once.
pub(super) fn put_lines<N: AsRef<str>>(arrived: &HeaderLines, lines: &[(N, String)]) -> (HeaderLines, Vec<Edit>) {
    let (mut leaving, mut edits, mut at) = (HeaderLines::with_capacity(arrived.len() + lines.len()), Vec::new(), 0_u64);
    let mut put = vec![false; lines.len()];
    for (name, value) in arrived {
        let whole = (name.len() + value.len() + 4) as u64;
        match lines.iter().position(|(own, _)| name.eq_ignore_ascii_case(own.as_ref().as_bytes())) {
            None => leaving.push((name.clone(), value.clone())),
            Some(nth) if put[nth] => {
                edits.push(Edit { part: Part::Headers, at, remove: whole, insert: Bytes::new() });
            }
            Some(nth) => {
                put[nth] = true;
                let insert = Bytes::from(lines[nth].1.clone());
                leaving.push((name.clone(), insert.clone()));
                if insert != *value {
                    let at = at + name.len() as u64 + 2;
                    edits.push(Edit { part: Part::Headers, at, remove: value.len() as u64, insert });
                }
            }
        }
        at += whole;
    }
    let mut added = String::new();
    for ((name, value), _) in lines.iter().zip(put).filter(|(_, put)| !put) {
        let name = written(name.as_ref());
        added.push_str(&format!("{name}: {value}\r\n"));
        leaving.push((Bytes::from(name), Bytes::from(value.clone())));
    }
    if !added.is_empty() {
        edits.push(Edit { part: Part::Headers, at, remove: 0, insert: added.into() });
    }
    (leaving, edits)
}

/// A name as the way out writes it where the HIS did not write it itself: `X-Tif-Nonce`, `_api_name`.
fn written(name: &str) -> String {
    let mut begins = true;
    let letter = |letter: char| {
        let shown = if begins { letter.to_ascii_uppercase() } else { letter };
        begins = letter == '-';
        shown
    };
    name.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pairs: &[(&'static str, &'static str)]) -> HeaderLines {
        pairs.iter().map(|(name, value)| (Bytes::from(*name), Bytes::from(*value))).collect()
    }

    fn block(lines: &HeaderLines) -> Vec<u8> {
        lines.iter().flat_map(|(name, value)| [name, &b": "[..], value, b"\r\n"].concat()).collect()
    }

    #[test]
    fn lines_take_their_place_and_the_edits_say_so() {
        let signed = [("x-a", "1".to_owned()), ("x-b", "2".to_owned()), ("x-c", "3".to_owned())];
        for (arrived, leaving) in [
            (&[("Host", "h")][..], &[("Host", "h"), ("X-A", "1"), ("X-B", "2"), ("X-C", "3")][..]),
            (
                &[("X-B", "old"), ("Accept", "*"), ("x-b", "twice"), ("X-a", "1"), ("x-C", "")],
                &[("X-B", "2"), ("Accept", "*"), ("X-a", "1"), ("x-C", "3")],
            ),
            (&[], &[("X-A", "1"), ("X-B", "2"), ("X-C", "3")]),
        ] {
            let arrived = lines(arrived);
            let (left, edits) = put_lines(&arrived, &signed);
            assert_eq!(left, lines(leaving));
            let as_body: Vec<Edit> = edits.into_iter().map(|edit| Edit { part: Part::Body, ..edit }).collect();
            assert_eq!(body(&block(&arrived), &as_body), block(&left), "the edits alone make the same block");
        }
    }
}
