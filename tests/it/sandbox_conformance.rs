//! Every transaction of the stand-in by `tests/data/conformance_cases.txt`: its good answer against the specification's
//! output tables, one of its refusals, and what it says when something that must come first is missing.
//! `tests/data/conformance.txt` is what it said; a reader sees there what is covered.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use medgate::domain::clock::HandClock;
use medgate::domain::zipped as archive;
use medgate::sandbox::Sandbox;
use medgate::sandbox::callers::post::{Heard, Post};
use medgate::sandbox::ledger::{Habits, known_numbers};
use medgate::sandbox::people::Population;
use medgate::sandbox::platform::Settings;
use medgate::sandbox::spec::{self, Field, Kind, NodeTable};
use serde_json::{Map, Value, json};

/// 2024-03-01 10:00 in China: the golden list must not depend on the day.
const NOW_NS: i64 = 1_709_258_400_000_000_000;
const CASES: &str = "tests/data/conformance_cases.txt";
const GOLDEN: &str = "tests/data/conformance.txt";

type Changes = Vec<(String, String)>;

/// One line of the table.
struct Case {
    infno: String,
    kind: String,
    steps: Vec<(String, Changes)>,
    changes: Changes,
    expected: String,
}

/// The stand-in, a client, and what the client has learned.
struct Trial {
    sandbox: Sandbox,
    post: Post,
    values: BTreeMap<String, String>,
    learned: BTreeMap<String, String>,
    sent: u64,
}

fn read() -> (BTreeMap<String, String>, Vec<Case>) {
    let text = std::fs::read_to_string(CASES).unwrap();
    let mut values = BTreeMap::new();
    let mut cases = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(rest) = line.strip_prefix("value ") {
            let (name, value) = rest.split_once(' ').unwrap();
            values.insert(name.to_owned(), value.to_owned());
            continue;
        }
        let mut cells: Vec<&str> = line.split('|').map(str::trim).collect();
        cells.resize(5, "");
        let [infno, kind, steps, changed, expected] = cells[..] else { panic!("{line}") };
        let step = |word: &str| match word.trim_end_matches('}').split_once('{') {
            Some((infno, changed)) => (infno.to_owned(), changes(changed, ';')),
            None => (word.to_owned(), Vec::new()),
        };
        cases.push(Case {
            infno: infno.to_owned(),
            kind: kind.to_owned(),
            steps: steps.split_whitespace().map(step).collect(),
            changes: changes(changed, ' '),
            expected: expected.to_owned(),
        });
    }
    (values, cases)
}

fn changes(text: &str, between: char) -> Changes {
    let pairs = text.split(between).filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.to_owned())).collect()
}

impl Trial {
    async fn start(values: BTreeMap<String, String>) -> Trial {
        let habits = Habits { strict: true, ..Habits::default() };
        let settings = Settings { habits, ..Settings::default() };
        let clock = Arc::new(HandClock::at(NOW_NS));
        let sandbox = Sandbox::start("127.0.0.1:0".parse().unwrap(), settings, clock).await.unwrap();
        let post = Post::new(&format!("http://{}", sandbox.addr()), Duration::from_secs(5)).unwrap();
        Trial { sandbox, post, values, learned: BTreeMap::new(), sent: 0 }
    }

    /// Empty books, and a client that knows a person and nothing else.
    fn afresh(&mut self) {
        self.sandbox.platform().reset();
        self.sent = 0;
        let people = Population::from_seed(1);
        let person = people.all().iter().find(|person| person.insutype == "310" && !person.civil).unwrap();
        let known = [
            ("psn_no", person.psn_no.as_str()),
            ("certno", &person.certno),
            ("psn_name", &person.psn_name),
            ("insutype", person.insutype),
            ("psn_type", person.psn_type),
        ];
        self.learned = known.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    }

    /// Sends a call with every required field; the answer, or the bytes of a file.
    async fn call(&mut self, infno: &str, changes: &Changes) -> Result<Value, Vec<u8>> {
        self.sent += 1;
        let msgid = format!("H9900000000120240301100000{:04}", self.sent);
        let mut body = json!({"infno": infno, "msgid": msgid, "fixmedins_code": "H99000000001", "input": {}});
        if infno != "9001" && infno != "9002" {
            body["sign_no"] = self.learned.get("sign_no").cloned().unwrap_or_default().into();
        }
        body["input"] = self.input(infno, changes);
        let target = "/fsi/api/rsfComIfsService/callService";
        let Heard::Answer(answer) = self.post.send("POST", target, &[], body.to_string().as_bytes()).await else {
            panic!("{infno}: no answer")
        };
        let answer: Value = serde_json::from_slice(&answer.body).map_err(|_| answer.body)?;
        if answer["infcode"] == 0 {
            self.learn(infno, &msgid, &answer["output"]);
        }
        Ok(answer)
    }

    fn learn(&mut self, infno: &str, msgid: &str, output: &Value) {
        for name in ["mdtrt_id", "trt_dcla_detl_sn", "file_qury_no", "sign_no", "jr_id"] {
            if let Some(found) = find(output, name) {
                self.learned.insert(name.to_owned(), found);
            }
        }
        let settles = ["2102", "2207", "2304"].iter().any(|money| infno.starts_with(money));
        if let Some(setl_id) = find(output, "setl_id").filter(|_| settles) {
            self.learned.insert("setl_id".to_owned(), setl_id);
            self.learned.insert("omsgid".to_owned(), msgid.to_owned());
            self.learned.insert("oinfno".to_owned(), infno.to_owned());
        }
    }

    fn input(&self, infno: &str, changes: &Changes) -> Value {
        let table = spec::table(infno).unwrap();
        let mut input = Map::new();
        for node in table.input.iter().filter(|node| !node.path.contains('/')) {
            if changes.iter().any(|(name, _)| *name == format!("{}:", node.path)) {
                continue;
            }
            let object = self.object(&table.input, node, changes);
            input.insert(node.path.to_owned(), if node.is_list { json!([object]) } else { object });
        }
        if input.is_empty() {
            // The specification names the transaction without a body.
            let data: Map<_, _> =
                changes.iter().map(|(name, value)| (name.clone(), self.filled(value).into())).collect();
            input.insert("data".to_owned(), Value::Object(data));
        }
        Value::Object(input)
    }

    fn object(&self, nodes: &[NodeTable], node: &NodeTable, changes: &Changes) -> Value {
        let mut object = Map::new();
        for field in &node.fields {
            let changed = changes.iter().find(|(name, _)| name == field.name).map(|(_, value)| value.as_str());
            let below = nodes.iter().find(|inner| inner.path == format!("{}/{}", node.path, field.name));
            let value = match (changed, below) {
                (Some(""), _) => continue,
                (Some(value), _) => json!(self.filled(value)),
                (None, Some(inner)) if field.must || changes.iter().any(|(name, _)| names(inner, name)) => {
                    let object = self.object(nodes, inner, changes);
                    if inner.is_list { json!([object]) } else { object }
                }
                (None, _) if field.must => json!(self.value(field)),
                _ => continue,
            };
            object.insert(field.name.to_owned(), value);
        }
        Value::Object(object)
    }

    fn value(&self, field: &Field) -> String {
        match (self.values.get(field.name), field.kind) {
            (Some(value), _) => self.filled(value),
            (None, Kind::Date) => "2024-03-01".to_owned(),
            (None, Kind::Time) => "2024-03-01 09:00:00".to_owned(),
            _ => "1".to_owned(),
        }
    }

    fn filled(&self, value: &str) -> String {
        match value.strip_prefix('$') {
            Some("rows") => {
                let known = |name: &str| self.learned.get(name).cloned().unwrap_or_default();
                let names = [known("setl_id"), known("mdtrt_id"), known("psn_no")].join("\t");
                STANDARD.encode(archive::pack("rows.txt", &format!("{names}\t300.00\t1.00\t0.00\t0\n")))
            }
            Some(name) => self.learned.get(name).cloned().unwrap_or_else(|| "none".to_owned()),
            None => value.to_owned(),
        }
    }
}

fn names(node: &NodeTable, name: &str) -> bool {
    node.fields.iter().any(|field| field.name == name)
}

/// The first text of this name, at any depth.
fn find(value: &Value, name: &str) -> Option<String> {
    match value {
        Value::Object(members) => {
            let own = members.get(name).and_then(Value::as_str).map(str::to_owned);
            own.or_else(|| members.values().find_map(|value| find(value, name)))
        }
        Value::Array(rows) => rows.iter().find_map(|row| find(row, name)),
        _ => None,
    }
}

/// What of a good answer is there; complains about what does not fit the specification's output tables.
fn checked(infno: &str, output: &Value, wrong: &mut Vec<String>) -> String {
    let nodes = &spec::table(infno).unwrap().output;
    let mut said = Vec::new();
    for node in nodes.iter().filter(|node| !node.path.contains('/')) {
        let place = if node.path == "." { output } else { &output[node.path] };
        let rows = match place {
            Value::Array(rows) if node.is_list => rows.clone(),
            Value::Object(_) if !node.is_list => vec![place.clone()],
            other => {
                wrong.push(format!("{infno}: node {} is {other}", node.path));
                continue;
            }
        };
        let filled = rows.iter().map(|row| check_row(infno, nodes, node, row, wrong)).max().unwrap_or(0);
        let count = if node.is_list { format!("{}×", rows.len()) } else { String::new() };
        said.push(format!("{} {count}{filled}/{}", node.path, node.fields.len()));
    }
    if let (Some(first), Value::Object(members)) = (nodes.first(), output) {
        let known = |name: &String| nodes.iter().any(|node| node.path == name || node.path == "." && names(node, name));
        wrong.extend(members.keys().filter(|name| !known(name)).map(|name| format!("{infno}: unknown member {name}")));
        if first.is_list && output[first.path].as_array().is_none_or(Vec::is_empty) && first.path != "." {
            wrong.push(format!("{infno}: no row in {}", first.path));
        }
    }
    if nodes.is_empty() && !output.is_null() {
        wrong.push(format!("{infno}: an output that the specification does not know: {output}"));
    }
    if said.is_empty() { "no output".to_owned() } else { said.join(", ") }
}

/// Checks one row; how many of its fields are filled.
fn check_row(infno: &str, nodes: &[NodeTable], node: &NodeTable, row: &Value, wrong: &mut Vec<String>) -> usize {
    let mut filled = 0;
    for field in &node.fields {
        let value = &row[field.name];
        let (path, name) = (node.path, field.name);
        let is_empty = value.is_null() || value == "";
        filled += usize::from(!is_empty);
        if is_empty && field.must {
            wrong.push(format!("{infno}: {path}.{name} is required and empty"));
        }
        let fits = match (field.kind, value) {
            (_, Value::Null) => true,
            (Kind::Number(_), value) => value.is_number(),
            (Kind::Flag, value) => value.is_boolean(),
            (Kind::Inner, value) => value.is_array() || value.is_object(),
            (Kind::Date, Value::String(text)) => text.len() == 10 && text.as_bytes()[4] == b'-',
            (Kind::Time, Value::String(text)) => text.len() == 19 && text.as_bytes()[10] == b' ',
            (Kind::Text, Value::String(text)) => field.length == 0 || text.chars().count() <= field.length,
            _ => false,
        };
        if !fits {
            wrong.push(format!("{infno}: {path}.{name} does not fit {:?} {}: {value}", field.kind, field.length));
        }
        let below = nodes.iter().find(|inner| inner.path == format!("{path}/{name}"));
        for (inner, row) in
            below.iter().flat_map(|inner| value.as_array().into_iter().flatten().map(move |row| (inner, row)))
        {
            check_row(infno, nodes, inner, row, wrong);
        }
    }
    filled
}

/// Plays one case; what it said.
async fn play(trial: &mut Trial, case: &Case, wrong: &mut Vec<String>) -> String {
    trial.afresh();
    let name = format!("{} {}", case.infno, case.kind);
    if case.expected == "none" {
        return "nothing must come first".to_owned();
    }
    for (infno, changes) in &case.steps {
        match trial.call(infno, changes).await {
            Ok(answer) if answer["infcode"] == 0 => {}
            other => wrong.push(format!("{name}: step {infno}: {other:?}")),
        }
    }
    let answer = match trial.call(&case.infno, &case.changes).await {
        Ok(answer) => answer,
        Err(file) => {
            let text = archive::unpack(&file).unwrap_or_else(|why| panic!("{name}: {why}"));
            return format!("a file with {} rows", text.lines().count());
        }
    };
    let err_msg = answer["err_msg"].as_str().unwrap_or_default();
    if case.kind == "good" {
        if answer["infcode"] != 0 {
            wrong.push(format!("{name}: {err_msg}"));
            return String::new();
        }
        return checked(&case.infno, &answer["output"], wrong);
    }
    if answer["infcode"] != -1 || !err_msg.contains(&case.expected) || case.expected.is_empty() {
        wrong.push(format!("{name}: expected {}, heard {answer}", case.expected));
    }
    err_msg.replace('\n', " ")
}

#[tokio::test]
async fn every_transaction_answers_refuses_and_asks_for_what_comes_first() {
    let (values, cases) = read();
    let mut trial = Trial::start(values).await;
    let mut wrong = Vec::new();
    let mut said: BTreeMap<(String, String), String> = BTreeMap::new();
    for case in &cases {
        let text = play(&mut trial, case, &mut wrong).await;
        said.insert((case.infno.clone(), case.kind.clone()), text);
    }
    let mut golden = String::from(
        "# What the stand-in platform said to tests/data/conformance_cases.txt; nodes of good answers with filled/all fields.\n\
         # Written by the test sandbox_conformance with MEDGATE_UPDATE_GOLDEN=1.\n",
    );
    for infno in known_numbers() {
        let _ = writeln!(golden, "\n{infno} {}", spec::name(infno));
        for kind in ["good", "refusal", "before"] {
            match said.get(&(infno.to_owned(), kind.to_owned())) {
                Some(text) => writeln!(golden, "  {kind:<8}{text}").unwrap(),
                None => wrong.push(format!("{infno} has no case `{kind}`")),
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases go wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    if std::env::var_os("MEDGATE_UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &golden).unwrap();
    }
    let kept = std::fs::read_to_string(GOLDEN).unwrap_or_default();
    assert!(kept == golden, "set MEDGATE_UPDATE_GOLDEN=1 to rewrite {GOLDEN}, and read its diff");
}
