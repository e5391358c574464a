//! Each row of the key table of `money.md` §3 through the line: `tests/data/rows.txt`, against a platform that grants
//! everything and numbers its answers, so that a replay and a second performance cannot be taken for each other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::doors_rig::{Peer, Raw};
use crate::money_his::{self as his, HOSPITAL};
use crate::rig::{self, TestGateway};

/// What the platform does with the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Grants,
    Refuses,
    Falls,
}

/// The platform: what it does next, how many calls came, and what it answers when it is asked.
struct Desk {
    next: Next,
    came: usize,
    ord_stas: String,
}

/// One line of the table.
struct Row {
    text: String,
    infno: String,
    first: Next,
    between: Option<Between>,
    changes: Vec<(String, String)>,
    expected: String,
}

/// What happens between the first call and its repeat.
enum Between {
    Later(Duration),
    Call(String),
    /// 6301 is answered with this ordStas.
    Stands(String),
}

fn rows() -> Vec<Row> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/rows.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#') && !line.starts_with('{'));
    lines.filter(|line| !line.starts_with("input ")).map(row).collect()
}

fn row(line: &str) -> Row {
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    let [infno, first, between, changes, expected] = cells[..] else { panic!("five cells: {line}") };
    let change = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    };
    Row {
        text: line.to_owned(),
        infno: infno.to_owned(),
        first: match first {
            "granted" => Next::Grants,
            "refused" => Next::Refuses,
            "lost" => Next::Falls,
            other => panic!("{other}: {line}"),
        },
        between: match (between.strip_suffix(" s later"), between.strip_prefix("6301=")) {
            (Some(seconds), _) => Some(Between::Later(Duration::from_secs(seconds.parse().unwrap()))),
            (_, Some(ord_stas)) => Some(Between::Stands(ord_stas.to_owned())),
            _ if between.is_empty() => None,
            _ => Some(Between::Call(between.to_owned())),
        },
        changes: changes.split_whitespace().map(change).collect(),
        expected: expected.to_owned(),
    }
}

/// The inputs that the table gives, by transaction.
fn inputs() -> HashMap<String, Value> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/rows.txt")).unwrap();
    let mut inputs = HashMap::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("input ")) {
        let (infnos, input) = line.split_once(' ').unwrap();
        for infno in infnos.split(',') {
            inputs.insert(infno.to_owned(), serde_json::from_str(input).unwrap_or_else(|e| panic!("{e}: {line}")));
        }
    }
    inputs
}

/// Grants in the form that the transaction needs: who settles gets a setl_id, who registers a mdtrt_id, who files a number.
fn grant(infno: &str, nth: usize) -> String {
    let output = match infno {
        "2102" | "2207" | "2207A" | "2304" | "2304A" | "2103" | "2208" | "2305" | "2261" => {
            json!({"setlinfo": {"setl_id": format!("S{nth}")}})
        }
        "2201" | "2401" => json!({"result": {"mdtrt_id": format!("D{nth}")}}),
        _ if infno.starts_with("25") => json!({"result": {"trt_dcla_detl_sn": format!("T{nth}")}}),
        _ => json!({"result": {"nth": nth}}),
    };
    if infno.starts_with('6') {
        let data = json!({"payOrdId": format!("O{nth}"), "payToken": format!("K{nth}")});
        return json!({"code": 0, "type": "success", "data": data}).to_string();
    }
    json!({"infcode": 0, "inf_refmsgid": "", "err_msg": null, "output": output}).to_string()
}

async fn platform(desk: Arc<Mutex<Desk>>) -> Peer {
    Peer::wild(move |mut talk| {
        let desk = Arc::clone(&desk);
        async move {
            while let Some(request) = talk.hear().await {
                let infno = request.lines()[0].split([' ', '/']).rev().nth(2).unwrap_or_default().to_owned();
                let asked = infno == "6301";
                let (next, nth, ord_stas) = {
                    let mut desk = desk.lock().unwrap();
                    desk.came += usize::from(!asked);
                    (std::mem::replace(&mut desk.next, Next::Grants), desk.came, desk.ord_stas.clone())
                };
                let body = match next {
                    Next::Grants if asked => json!({"code": 0, "data": {"ordStas": ord_stas}}).to_string(),
                    Next::Grants => grant(&infno, nth),
                    Next::Refuses if infno.starts_with('6') => json!({"code": -1, "message": "不符合规定"}).to_string(),
                    Next::Refuses => json!({"infcode": -1, "err_msg": format!("不符合规定 {nth}")}).to_string(),
                    Next::Falls => return,
                };
                talk.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())).await;
            }
        }
    })
    .await
}

/// One gateway for the whole table; every row has persons, visits and numbers of its own.
struct Counter {
    gate: TestGateway,
    desk: Arc<Mutex<Desk>>,
    inputs: HashMap<String, Value>,
}

impl Counter {
    async fn call(&self, infno: &str, msgid: &str, input: &Value) -> Raw {
        self.gate.call(&format!("/hsa/hgs/{infno}"), &his::body_as(msgid, infno, input)).await
    }

    fn came(&self) -> usize {
        self.desk.lock().unwrap().came
    }

    async fn check_row(&self, at: usize, row: &Row) {
        // A filled letter and a number become this row's own: P1 is P1.7 in row 7.
        let plain = self.inputs.get(&row.infno).unwrap_or(&self.inputs["*"]).to_string();
        let input: Value = serde_json::from_str(&plain.replace('#', &format!(".{at}"))).unwrap();
        let msgid = format!("{HOSPITAL}row{at}");
        self.desk.lock().unwrap().next = row.first;
        let first = self.call(&row.infno, &msgid, &input).await;
        match &row.between {
            None => {}
            Some(Between::Later(by)) => self.gate.clock.advance(*by),
            Some(Between::Stands(ord_stas)) => self.desk.lock().unwrap().ord_stas.clone_from(ord_stas),
            Some(Between::Call(undo)) => self.undo(undo, &row.infno, &msgid, &first, &input).await,
        }
        let before = self.came();
        let second = self.call(&row.infno, &format!("{msgid}again"), &changed(input, &row.changes)).await;
        let sent = self.came() - before;
        let says = String::from_utf8_lossy(&second.body).into_owned();
        let as_expected = match row.expected.split_once(' ') {
            None if row.expected == "replay" => sent == 0 && second.body == first.body,
            None if row.expected == "forward" => sent == 1 && second.body != first.body,
            None if row.expected == "unknown" => sent == 0 && says.contains("【结果未知】勿重收"),
            Some(("refuse", named)) => sent == 0 && says.contains("【网关未发送】") && says.contains(named),
            _ => panic!("{} is no expectation", row.expected),
        };
        assert!(
            as_expected,
            "{}\n  sent {sent}\n  first  {}\n  second {says}",
            row.text,
            String::from_utf8_lossy(&first.body)
        );
    }

    /// Undoes what the first call made, by the number that its answer gave.
    async fn undo(&self, infno: &str, oinfno: &str, omsgid: &str, first: &Raw, input: &Value) {
        let answer = rig::json(first);
        let mut data = json!({"psn_no": find(input, "psn_no"), "chrg_bchno": "B1"});
        if infno == "2601" {
            data["omsgid"] = omsgid.into();
            data["oinfno"] = oinfno.trim_end_matches('A').into();
        }
        for name in ["setl_id", "mdtrt_id", "trt_dcla_detl_sn"] {
            data[name] = find(&answer, name);
        }
        let undone = rig::json(&self.call(infno, &format!("{omsgid}undo"), &json!({"data": data})).await);
        assert_eq!(undone["infcode"], 0, "{undone}");
    }
}

/// The first member of this name, at any depth.
fn find(node: &Value, name: &str) -> Value {
    match node {
        Value::Object(members) => match members.get(name) {
            Some(found) => found.clone(),
            None => members.values().map(|inner| find(inner, name)).find(|found| !found.is_null()).unwrap_or_default(),
        },
        Value::Array(rows) => rows.iter().map(|row| find(row, name)).find(|found| !found.is_null()).unwrap_or_default(),
        _ => Value::Null,
    }
}

/// The node with fields changed, wherever they stand; a field that stands nowhere is added to the first node.
fn changed(mut input: Value, changes: &[(String, String)]) -> Value {
    for (name, value) in changes {
        if !set(&mut input, name, value) {
            let node = input.as_object_mut().unwrap().values_mut().next().unwrap();
            node[name.as_str()] = value.as_str().into();
        }
    }
    input
}

fn set(node: &mut Value, name: &str, value: &str) -> bool {
    match node {
        Value::Object(members) => match members.get_mut(name) {
            Some(found) => {
                *found = value.into();
                true
            }
            None => members.values_mut().any(|inner| set(inner, name, value)),
        },
        Value::Array(rows) => rows.iter_mut().any(|row| set(row, name, value)),
        _ => false,
    }
}

#[tokio::test]
async fn every_row_of_the_key_table_holds() {
    let desk = Arc::new(Mutex::new(Desk { next: Next::Grants, came: 0, ord_stas: String::new() }));
    let peer = platform(Arc::clone(&desk)).await;
    let gate = TestGateway::before(&format!("http://{}", peer.addr), |_| {}).await;
    let counter = Counter { gate, desk, inputs: inputs() };
    let rows = rows();
    assert!(rows.len() > 80, "the table was read: {}", rows.len());
    for (at, row) in rows.iter().enumerate() {
        counter.check_row(at, row).await;
    }
}
