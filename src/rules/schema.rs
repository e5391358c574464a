//! A form as JSON Schema (draft 2020-12), for tools that know nothing of ours. It says what a table asks of each field; what a
//! schema cannot say (names without regard to case, sums, what the journal knows) stands beside it as `x-medgate-rules`.

use serde_json::{Map, Value, json};

use super::compile::Rules;
use super::form::{Form, Member, Node, Written};

/// The schema of a transaction's envelope with its `input`; `None` where there is no table.
pub fn of(infno: &str, rules: &Rules) -> Option<Value> {
    let form = rules.form(infno)?;
    let by_hand: Vec<Value> = form
        .cross
        .iter()
        .map(|cross| {
            let rule = &rules.listed[cross.rule].rule;
            json!({"id": rule.id, "mode": cross.mode.word(), "asks": rule.asks(), "says": rule.says})
        })
        .collect();
    Some(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": infno,
        "type": "object",
        "properties": {"input": node(form, 0)},
        "required": ["input"],
        "x-medgate-rules": by_hand,
    }))
}

fn node(form: &Form, at: usize) -> Value {
    let one: &Node = &form.nodes[at];
    let mut properties = Map::new();
    for one in &one.members {
        let schema = match one.child {
            Some(child) if form.nodes[usize::from(child)].is_list => {
                let mut list = json!({"type": "array", "items": node(form, usize::from(child))});
                if one.required.is_some() {
                    list["minItems"] = json!(1);
                }
                list
            }
            Some(child) => node(form, usize::from(child)),
            None => member(one),
        };
        let mut schema = if one.required.is_some() { schema } else { or_nothing(schema) };
        if !one.label.is_empty() {
            schema["title"] = json!(one.label);
        }
        properties.insert(one.name.to_string(), schema);
    }
    let required: Vec<&str> = one.members.iter().filter(|one| one.required.is_some()).map(|one| &*one.name).collect();
    let mut schema = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// What may be left out may be null or empty too.
fn or_nothing(schema: Value) -> Value {
    json!({"anyOf": [{"enum": [null, ""]}, schema]})
}

fn member(one: &Member) -> Value {
    if let Some(codes) = &one.codes {
        let numbers = codes
            .codes
            .iter()
            .filter_map(|code| code.parse::<u64>().ok().filter(|number| number.to_string() == **code));
        let mut all: Vec<Value> = codes.codes.iter().map(|code| json!(code)).collect();
        all.extend(numbers.map(Value::from));
        return json!({"enum": all});
    }
    match one.written {
        Written::Text => {
            let mut schema = json!({"type": ["string", "number", "boolean"], "minLength": 1});
            if one.longest > 0 {
                schema["maxLength"] = json!(one.longest);
            }
            schema
        }
        Written::Number => {
            let whole = one.longest.saturating_sub(one.scale.unwrap_or(0));
            let whole = if one.longest == 0 { "+".to_owned() } else { format!("{{1,{}}}", whole.max(1)) };
            let decimals = one.scale.map_or("*".to_owned(), |scale| format!("{{0,{scale}}}"));
            json!({"type": ["number", "string"], "pattern": format!("^-?[0-9]{whole}(\\.[0-9]{decimals}0*)?$")})
        }
        Written::Day => json!({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}),
        Written::Time => {
            json!({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,6})?$"})
        }
        Written::Month => json!({"type": ["string", "number"], "pattern": "^[0-9]{6}$"}),
        Written::Nest => json!({"type": ["array", "object"]}),
        Written::Any => json!({}),
    }
}
