//! Files on the platform's shelf: uploaded (9101), fetched (9102), or made by another transaction.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use super::rows::{Before, Row};
use super::{Ask, Deed, Ledger, named};
use crate::sandbox::call::text;
use crate::sandbox::moment::Moment;
use crate::sandbox::record::{Part, Record};
use crate::sandbox::tree::Node;

/// Files kept; the oldest goes first.
const FILES_MAX: usize = 200;
const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;

pub(super) const ROWS: &[Row] = &[
    Row { infno: "9101", needs: &[], before: Before::Nothing, act: |ledger, ask| ledger.take_file(ask) },
    Row { infno: "9102", needs: &[], before: Before::Nothing, act: |ledger, ask| ledger.hand_file(ask) },
];

/// The files that can be fetched.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Shelf {
    files: BTreeMap<String, Stored>,
}

/// One file.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stored {
    filename: String,
    #[serde(serialize_with = "as_base64", deserialize_with = "of_base64")]
    bytes: Bytes,
}

impl Ledger {
    /// How many files lie on the shelf.
    pub fn files_kept(&self) -> usize {
        self.files.files.len()
    }

    /// Puts a file on the shelf; what an answer says of it.
    pub(super) fn keep_file(&mut self, filename: &str, bytes: Bytes, now: Moment) -> Record {
        let number = self.number('W');
        let shelf = &mut self.files.files;
        shelf.insert(number.clone(), Stored { filename: filename.to_string(), bytes });
        if shelf.len() > FILES_MAX {
            shelf.pop_first();
        }
        let until = format!("{} 23:59:59", now.day());
        Record::new()
            .with("file_qury_no", number)
            .with("filename", filename)
            .with("dld_endtime", &until)
            .with("dld_end_time", until)
    }

    /// A file by its number.
    pub(super) fn file_bytes(&self, number: &str) -> Result<Bytes, String> {
        if number.is_empty() {
            return Err("FSI-文件查询号不能为空[fileBO_156]".to_string());
        }
        let file = self.files.files.get(number);
        let missing = || {
            format!(
                "未查询到文件：file_qury_no {number}；请先调用 {}，或先由目录下载、对账得到文件查询号",
                named("9101")
            )
        };
        file.map(|file| file.bytes.clone()).ok_or_else(missing)
    }

    /// 9101.
    fn take_file(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let node = ask.call.rows("fsUploadIn").first().cloned().unwrap_or_default();
        let bytes = match &ask.call.file {
            Some(file) => file.clone(),
            None => bytes_of(&node["in"])?,
        };
        if bytes.is_empty() || bytes.len() > FILE_BYTES_MAX {
            return Err(format!("文件为空或超过 {FILE_BYTES_MAX} 字节"));
        }
        let filename = text(&node, "filename").ok_or("字段 filename 不能为空")?;
        let owner = text(&node, "fixmedins_code").unwrap_or_else(|| ask.call.fixmedins_code.clone());
        let told = self.keep_file(&filename, bytes, ask.now).with("fixmedins_code", owner);
        ask.did(vec![(".", Part::One(told))])
    }

    /// 9102: the file itself and no envelope.
    fn hand_file(&self, ask: &Ask<'_>) -> Result<Deed, String> {
        let bytes = self.file_bytes(&ask.call.field("file_qury_no").unwrap_or_default())?;
        Ok(Deed { file: Some(bytes), ..Deed::query(Node::Null) })
    }
}

/// The bytes of `in`: Base64 text, or a list of numbers from -128 to 255 as some serialisers write them.
fn bytes_of(value: &Value) -> Result<Bytes, String> {
    match value {
        Value::String(text) if !text.is_empty() => {
            STANDARD.decode(text).map(Bytes::from).map_err(|_| "字段 in 不是 Base64".to_string())
        }
        Value::Array(numbers) => {
            let byte = |number: &Value| number.as_i64().filter(|byte| (-128..256).contains(byte));
            let bytes =
                numbers.iter().map(|number| byte(number).map(|byte| (byte & 0xff) as u8)).collect::<Option<_>>();
            bytes.map(|bytes: Vec<u8>| Bytes::from(bytes)).ok_or_else(|| "字段 in 不是字节数组".to_string())
        }
        _ => Err("字段 in 不能为空".to_string()),
    }
}

fn as_base64<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn of_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map(Bytes::from).map_err(de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_file_comes_in_any_of_its_forms() {
        assert_eq!(bytes_of(&json!("aGk=")), Ok(Bytes::from_static(b"hi")));
        assert_eq!(bytes_of(&json!([104, -1, 255])), Ok(Bytes::from_static(b"h\xff\xff")));
        assert!(bytes_of(&json!([256])).is_err());
        assert!(bytes_of(&json!("")).is_err());
    }
}
