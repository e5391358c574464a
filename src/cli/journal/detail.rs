//! One exchange in full: its facts, and its sealed part only when that was asked for by name.

use std::io::{self, Write};

use crate::domain::message::{Body, HeaderLines, Reply, Request};
use crate::journal::draft::Sealed;
use crate::journal::record::flag;
use crate::journal::{Record, Unopened};

use super::facts;
use super::folder::Folder;
use super::row::Row;

/// Facts of a record below its row; with `reveal` the sealed part too.
pub(super) fn print(out: &mut dyn Write, row: &Row, record: &Record, reveal: Option<&Folder>) -> io::Result<()> {
    writeln!(out, "{}", row.line())?;
    for (name, value) in facts::written(&record.facts) {
        writeln!(out, "    {name}: {value}")?;
    }
    if !record.header.has(flag::SEALED) {
        return writeln!(out);
    }
    match reveal.map(|folder| folder.unseal(record)) {
        None => {
            let sealed = record.payload.len() - record.header.facts_len as usize;
            writeln!(
                out,
                "    sealed part: {sealed} bytes, {} bytes in clear; --reveal shows it",
                record.header.raw_len
            )?;
        }
        Some(Ok(sealed)) => print_sealed(out, &sealed)?,
        Some(Err(erased @ Unopened::Erased(_))) => writeln!(out, "    sealed part: {erased}")?,
        Some(Err(why)) => writeln!(out, "    sealed part: cannot be opened: {why}")?,
    }
    writeln!(out)
}

fn print_sealed(out: &mut dyn Write, sealed: &Sealed) -> io::Result<()> {
    if let Some(request) = &sealed.request {
        print_request(out, request)?;
    }
    for edit in &sealed.edits {
        let insert = readable(&edit.insert);
        writeln!(out, "  edit: {:?} at {}: {} bytes replaced by \"{insert}\"", edit.part, edit.at, edit.remove)?;
    }
    for (what, reply) in [("reply of the platform", &sealed.reply), ("answer of the gateway", &sealed.own_answer)] {
        if let Some(reply) = reply {
            print_reply(out, what, reply)?;
        }
    }
    for (name, person) in &sealed.persons {
        writeln!(out, "  person: {name} = {}", person.reveal())?;
    }
    Ok(())
}

fn print_request(out: &mut dyn Write, request: &Request) -> io::Result<()> {
    let target = readable(&request.target);
    writeln!(out, "  request: {} {target} HTTP/1.{}", request.method, request.http_minor)?;
    print_lines(out, &request.headers, &request.body)
}

fn print_reply(out: &mut dyn Write, what: &str, reply: &Reply) -> io::Result<()> {
    writeln!(out, "  {what}: {} {}", reply.status, readable(&reply.reason))?;
    print_lines(out, &reply.headers, &reply.body)
}

fn print_lines(out: &mut dyn Write, headers: &HeaderLines, body: &Body) -> io::Result<()> {
    for (name, value) in headers {
        writeln!(out, "    {}: {}", readable(name), readable(value))?;
    }
    match body {
        Body::Buffered(bytes) => writeln!(out, "    {}", readable(bytes)),
        Body::Spooled(file) => writeln!(out, "    body of {} bytes in journal/bodies/{}", file.raw_len, file.name),
    }
}

/// UTF-8 as it is; anything else is read as GBK, which HIS clients of every age speak. Terminal control is not passed on.
fn readable(bytes: &[u8]) -> String {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => encoding_rs::GBK.decode_without_bom_handling(bytes).0,
    };
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{FFFD}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use crate::domain::exchange::Seq;

    use super::super::sample;
    use super::*;

    fn printed(reveal: bool) -> String {
        let sample = sample::journal();
        let folder = Folder::open(sample.path()).unwrap().with(Ok(crate::journal::master::Master::Beside));
        let mut out = Vec::new();
        let mut visit = |record: Record| {
            print(&mut out, &Row::of(&record), &record, reveal.then_some(&folder)).unwrap();
            ControlFlow::Continue(())
        };
        folder.each(Seq(2), Seq(4), &mut visit).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_sealed_part_is_shown_only_when_asked_for() {
        let masked = printed(false);
        assert!(masked.contains("Infno: 2207") && masked.contains("--reveal shows it"), "{masked}");
        assert!(!masked.contains(sample::PERSON) && !masked.contains("张三"), "{masked}");
        let clear = printed(true);
        assert!(clear.contains("request: POST /fsi/api HTTP/1.1"), "{clear}");
        assert!(clear.contains(&format!("person: certno = {}", sample::PERSON)), "{clear}");
        assert!(clear.contains("张三"), "a GBK body is read as GBK: {clear}");
    }
}
