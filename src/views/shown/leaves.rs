//! The values of a JSON text with their names and places. The text is never written anew: numbers keep their digits, keys
//! their order, and names that stand twice stand twice.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Objects within objects that are followed.
const DEPTH_MAX: usize = 32;
/// Values that are listed.
pub(super) const LEAVES_MAX: usize = 5_000;

/// One value that holds no others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leaf {
    /// `input.data.psn_no`, `input.feedetail[0].cnt`.
    pub(super) path: String,
    /// The nearest name around it; empty at the top.
    pub(super) node: String,
    /// Its own name.
    pub(super) name: String,
    /// The value: a string's content, anything else as it is written.
    pub(super) value: String,
    /// Where it stands in the text, quotes included. None inside a string that itself holds JSON.
    pub(super) span: Option<(usize, usize)>,
    /// What stands there, when it is a string that holds JSON: its values follow.
    pub(super) holds_json: bool,
    /// It stands in quotes.
    pub(super) is_text: bool,
}

/// Every value of a text; `None` when it is not JSON, or holds more than is listed.
pub(super) fn of(text: &str) -> Option<Vec<Leaf>> {
    let whole: &RawValue = serde_json::from_str(text).ok()?;
    let mut walk = Walk { base: Some(text), leaves: Vec::new() };
    walk.value(whole.get(), Spot::default(), 0)?;
    Some(walk.leaves)
}

struct Walk<'a> {
    base: Option<&'a str>,
    leaves: Vec<Leaf>,
}

#[derive(Clone, Default)]
struct Spot {
    path: String,
    node: String,
    name: String,
}

impl Spot {
    fn child(&self, name: &str) -> Spot {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Spot { path, node: self.name.clone(), name: name.to_owned() }
    }

    fn item(&self, at: usize) -> Spot {
        Spot { path: format!("{}[{at}]", self.path), ..self.clone() }
    }
}

impl Walk<'_> {
    fn value(&mut self, raw: &str, spot: Spot, depth: usize) -> Option<()> {
        if LEAVES_MAX <= self.leaves.len() || DEPTH_MAX <= depth {
            return None;
        }
        match raw.as_bytes().first()? {
            b'{' => {
                let Members(members) = serde_json::from_str(raw).ok()?;
                members.into_iter().try_for_each(|(name, raw)| self.value(raw.get(), spot.child(&name), depth + 1))
            }
            b'[' => {
                let items: Vec<&RawValue> = serde_json::from_str(raw).ok()?;
                items.into_iter().enumerate().try_for_each(|(at, raw)| self.value(raw.get(), spot.item(at), depth + 1))
            }
            b'"' => self.text(raw, spot, depth),
            _ => {
                self.leaf(raw, raw.to_owned(), spot, false);
                Some(())
            }
        }
    }

    /// A string; where it holds a JSON object or list, its values follow it.
    fn text(&mut self, raw: &str, spot: Spot, depth: usize) -> Option<()> {
        let value: String = serde_json::from_str(raw).ok()?;
        let inner = value.trim_start().starts_with(['{', '[']).then(|| value.clone());
        self.leaf(raw, value, spot.clone(), true);
        if let Some(inner) = inner
            && let Ok(whole) = serde_json::from_str::<&RawValue>(&inner)
        {
            self.leaves.last_mut()?.holds_json = true;
            let base = self.base.take();
            let walked = self.value(whole.get(), spot, depth + 1);
            self.base = base;
            walked?;
        }
        Some(())
    }

    fn leaf(&mut self, raw: &str, value: String, spot: Spot, is_text: bool) {
        let span = self.base.map(|base| {
            let at = raw.as_ptr() as usize - base.as_ptr() as usize; // `raw` is a part of `base`.
            (at, at + raw.len())
        });
        let Spot { path, node, name } = spot;
        self.leaves.push(Leaf { path, node, name, value, span, holds_json: false, is_text });
    }
}

/// The members of an object in their order, names that stand twice included.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> serde::Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<String, &RawValue>()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        source.deserialize_map(InOrder)
    }
}
