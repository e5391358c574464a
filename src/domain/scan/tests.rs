//! Rows of tests/data/scan.txt, and that every cutting gives the same view.

use super::*;
use proptest::prelude::*;

const TABLE: &str = include_str!("../../../tests/data/scan.txt");
const WANTED: [&str; 16] = [
    "infno",
    "msgid",
    "psn_no",
    "psn_name",
    "mdtrt_id",
    "chrg_bchno",
    "med_list_codg",
    "cnt",
    "pric",
    "medfee_sumamt",
    "fixmedinsCode",
    "feedetlSn",
    "feedetl_sn",
    "flag",
    "a",
    "setl_id",
];

fn wanted() -> Arc<Wanted> {
    Arc::new(Wanted::new(WANTED))
}

/// `<3*text>` repeats, `%XX` is one byte.
fn body_of(notation: &str) -> Vec<u8> {
    let mut flat = String::new();
    let mut rest = notation;
    while let Some((before, after)) = rest.split_once('<') {
        let (repeat, tail) = after.split_once('>').expect("a repeat closes");
        let (times, text) = repeat.split_once('*').expect("a repeat has a count");
        flat.push_str(before);
        flat.push_str(&text.repeat(times.parse().expect("the count is a number")));
        rest = tail;
    }
    flat.push_str(rest);
    percent_encoding::percent_decode_str(&flat).collect()
}

fn scan(body: &[u8], content_type: Option<&str>, step: usize) -> View {
    let mut scanner = Scanner::of_content_type(wanted(), content_type.map(str::as_bytes));
    for chunk in body.chunks(step) {
        scanner.feed(chunk);
    }
    scanner.finish()
}

fn render(view: &View) -> String {
    let mut text = format!("{:?} {:?}\n", view.shape, view.charset);
    let short = |text: &str| match text.char_indices().nth(60) {
        Some(_) => format!("({} bytes)", text.len()),
        None => format!("{text:?}"),
    };
    let keys: Vec<String> = view.top_keys.iter().map(|key| short(key)).collect();
    text.push_str(&format!("keys {}\n", keys.join(" ")));
    for found in &view.found {
        let path = if found.at_top() { found.key.to_string() } else { format!("{}.{}", found.above, found.key) };
        let path = if path.len() > 60 { short(&path) } else { path };
        let at = format!("{}..{}", found.at.start, found.at.end);
        text.push_str(&format!("{path}[{}] {:?} {at} = {}\n", found.row, found.kind, short(&found.text)));
    }
    text
}

#[test]
fn every_body_of_the_table_is_read_as_written() {
    let (head, cases) = TABLE.split_once("\n== ").expect("the table has cases");
    let mut now = head.to_owned();
    for case in cases.split("\n== ") {
        let lines: Vec<&str> = case.lines().collect();
        let field = |name: &str| lines.iter().find_map(|line| line.strip_prefix(name));
        let body = body_of(field("body:").expect("a case has a body").strip_prefix(' ').unwrap_or(""));
        let content_type = field("content-type: ");
        let view = scan(&body, content_type, usize::MAX);
        assert_eq!(view, scan(&body, content_type, 1), "byte by byte: {}", lines[0]);
        let given: Vec<&str> = lines.iter().copied().take_while(|line| !line.starts_with("body:")).collect();
        let body_line = lines.iter().find(|line| line.starts_with("body:")).expect("it has one");
        now.push_str(&format!("\n== {}\n{body_line}\n{}", given.join("\n"), render(&view)));
    }
    if std::env::var_os("MEDGATE_UPDATE_GOLDEN").is_some() {
        std::fs::write("tests/data/scan.txt", &now).expect("the table can be written");
    } else {
        let differs = now.lines().zip(TABLE.lines()).find(|(is, was)| is != was);
        let how = "set MEDGATE_UPDATE_GOLDEN=1 to rewrite tests/data/scan.txt, then review the change";
        assert!(now == TABLE, "{how}; first difference: {differs:#?}");
    }
}

#[test]
fn a_place_points_at_the_raw_value() {
    let body = br#"{"infno": "2207", "input":{"data":{"medfee_sumamt":38.0,"psn_no":"\u0041"}}}"#;
    let view = scan(body, None, 7);
    let raw: Vec<&[u8]> = view.found.iter().map(|f| &body[f.at.start as usize..f.at.end as usize]).collect();
    assert_eq!(raw, [&b"\"2207\""[..], b"38.0", b"\"\\u0041\""]);
}

#[test]
fn the_top_comes_first_and_nothing_counts_as_nothing() {
    let view = scan(br#"{"input":{"msgid":"inner","psn_no":"null","data":{"psn_no":" P "}},"msgid":"outer"}"#, None, 3);
    assert_eq!((view.text("msgid"), view.top("msgid")), (Some("outer"), Some("outer")));
    assert_eq!((view.text("psn_no"), view.top("psn_no")), (Some("P"), None));
    assert_eq!(view.all("psn_no").count(), 2);
}

#[test]
fn rows_keep_what_stands_in_lists_below_them() {
    let body = br#"{"input":{"drugdetail":[{"med_list_codg":"A","durg_trac_info":[{"cnt":9},{"cnt":8}],"cnt":1},{"cnt":2}],"mdtrt_id":"D"}}"#;
    let view = scan(body, None, 5);
    let rows = view.rows("drugdetail");
    let cells: Vec<_> = rows.iter().map(|row| (row.row, row.text("med_list_codg"), row.text("cnt"))).collect();
    assert_eq!(cells, [(0, Some("A"), Some("1")), (1, None, Some("2"))]);
    assert_eq!(view.rows("durg_trac_info").len(), 2);
    assert!(view.rows("feedetail").is_empty());
}

#[test]
fn too_many_values_overflow_and_keep_what_came_before() {
    let body = format!("{{\"infno\":\"2204\",\"cnt\":[{}1]}}", "1,".repeat(FOUND_MAX));
    let view = scan(body.as_bytes(), None, 4096);
    assert_eq!((view.shape, view.found.len(), view.top("infno")), (Shape::Overflow, FOUND_MAX, Some("2204")));
}

#[test]
fn printing_masks_values() {
    let view = scan(br#"{"psn_no":"110101199003077777"}"#, None, 99);
    assert!(!format!("{view:?}").contains("110101199003077777"));
}

/// Pieces that make bodies interesting: structure, escapes, both encodings, halves of characters.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let fixed: [&[u8]; 24] = [
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\"",
        b"\\",
        b"\"infno\":\"2207\"",
        b"\"cnt\":1.0",
        b"\"input\":\"",
        b"\\\"",
        b"\\u5f20",
        b"\\\\",
        b"null",
        b" ",
        "张三".as_bytes(),
        b"\xd5\xc5\xc8\xfd",
        b"\x8e\x5c",
        b"\xe5",
        b"\x81\x30\x81\x30",
        b"\"psn_no\":{",
        b"\xef\xbb\xbf",
        b"\"a\":[",
    ];
    prop_oneof![
        8 => proptest::sample::select(fixed.to_vec()).prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(any::<u8>(), 0..6),
    ]
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_view(
        pieces in proptest::collection::vec(piece(), 0..60),
        cuts in proptest::collection::vec(1usize..20, 1..40),
        form in any::<bool>(),
    ) {
        let mut body = pieces.concat();
        if form {
            body = [b"--B\r\nContent-Disposition: form-data; name=\"jsonStr\"\r\n\r\n", &body[..], b"\r\n--B--"].concat();
        }
        let content_type = form.then_some("multipart/form-data; boundary=B");
        let whole = scan(&body, content_type, usize::MAX);
        let mut scanner = Scanner::of_content_type(wanted(), content_type.map(str::as_bytes));
        let mut rest = &body[..];
        for cut in cuts.iter().cycle() {
            let (chunk, tail) = rest.split_at((*cut).min(rest.len()));
            scanner.feed(chunk);
            rest = tail;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(scanner.finish(), whole);
    }

    #[test]
    fn what_serde_writes_is_found(psn in "\\PC{0,12}", sum in -1.0e9..1.0e9f64, rows in 0usize..5) {
        let lines: Vec<_> = (0..rows).map(|row| serde_json::json!({"feedetl_sn": row, "psn_name": psn})).collect();
        let body = serde_json::json!({"infno": "2204", "input": {"data": {"psn_no": psn, "medfee_sumamt": sum}, "feedetail": lines}});
        let view = scan(body.to_string().as_bytes(), None, 11);
        prop_assert_eq!(view.shape, Shape::Json);
        prop_assert_eq!(&view.all("psn_no").next().expect("it is there").text, &psn);
        prop_assert_eq!(view.rows("feedetail").len(), rows);
        prop_assert!(view.all("feedetl_sn").enumerate().all(|(row, found)| found.text == row.to_string() && found.row as usize == row));
    }
}
