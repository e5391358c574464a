//! Layers laid over each other; a named section has from `default` what it does not say.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::complaint::Complaint;
use super::layer::Layer;
use super::settings::Settings;

/// All settings with the place that each came from.
#[derive(Debug, Default)]
pub(super) struct Merged {
    values: BTreeMap<String, (Value, String)>,
}

/// Later layers win; a layer that has routes replaces them all.
pub(super) fn lay(layers: Vec<Layer>) -> Merged {
    let mut values: BTreeMap<String, (Value, String)> = BTreeMap::new();
    let route_defaults = layers.first().map(|layer| section(&layer.values, "route.0")).unwrap_or_default();
    for layer in layers {
        if layer.values.keys().any(|key| key.starts_with("route.")) {
            values.retain(|key, _| !key.starts_with("route."));
        }
        values.extend(layer.values);
    }
    for kind in super::schema::NAMED {
        let defaults = section(&values, &format!("{kind}.default"));
        inherit(&mut values, kind, &defaults);
    }
    inherit(&mut values, "route", &route_defaults);
    Merged { values }
}

impl Merged {
    /// Every key.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// A value as TOML writes it; `None` where there is none.
    pub(super) fn written(&self, key: &str) -> Option<String> {
        self.values.get(key).map(|(value, _)| value.to_string())
    }

    /// Those values whose key is wanted.
    pub(super) fn only(&self, is_wanted: impl Fn(&str) -> bool) -> Merged {
        let wanted = self.values.iter().filter(|(key, _)| is_wanted(key));
        Merged { values: wanted.map(|(key, value)| (key.clone(), value.clone())).collect() }
    }

    /// Adds the others' values.
    pub(super) fn extend(&mut self, others: Merged) {
        self.values.extend(others.values);
    }

    /// Where a setting was said.
    pub(super) fn place(&self, key: &str) -> String {
        self.values.get(key).map_or_else(|| "default".to_owned(), |(_, place)| place.clone())
    }

    /// A text setting; empty when it is none.
    pub(super) fn text(&self, key: &str) -> String {
        self.values.get(key).and_then(|(value, _)| value.as_str()).unwrap_or_default().to_owned()
    }

    /// True when nobody but the defaults said it.
    pub(super) fn is_default(&self, key: &str) -> bool {
        self.place(key) == "default"
    }

    /// The typed settings.
    pub(super) fn read(&self) -> Result<Settings, Complaint> {
        let mut root = Table::new();
        let mut routes: BTreeMap<usize, Table> = BTreeMap::new();
        for (key, (value, _)) in &self.values {
            let path: Vec<&str> = key.split('.').collect();
            match path.as_slice() {
                ["route", at, key] => {
                    let route = routes.entry(at.parse().unwrap_or(usize::MAX)).or_default();
                    route.insert((*key).to_owned(), value.clone());
                }
                ["route", at] => {
                    routes.entry(at.parse().unwrap_or(usize::MAX)).or_default();
                }
                [sections @ .., key] => {
                    let table = sections.iter().fold(&mut root, |table, name| below(table, name));
                    table.insert((*key).to_owned(), value.clone());
                }
                [] => {}
            }
        }
        root.insert("route".to_owned(), Value::Array(routes.into_values().map(Value::Table).collect()));
        root.try_into().map_err(|error: toml::de::Error| Complaint {
            place: "settings".to_owned(),
            what: error.message().to_owned(),
            cure: "compare with config/medgate.toml".to_owned(),
        })
    }
}

fn below<'a>(table: &'a mut Table, name: &str) -> &'a mut Table {
    let entry = table.entry(name.to_owned()).or_insert_with(|| Value::Table(Table::new()));
    entry.as_table_mut().expect("a section and a key never share a name: the schema has them apart")
}

fn section(values: &BTreeMap<String, (Value, String)>, prefix: &str) -> Vec<(String, (Value, String))> {
    let below = |key: &str| key.strip_prefix(prefix)?.strip_prefix('.').map(str::to_owned);
    values.iter().filter_map(|(key, value)| Some((below(key)?, value.clone()))).collect()
}

fn inherit(values: &mut BTreeMap<String, (Value, String)>, kind: &str, defaults: &[(String, (Value, String))]) {
    let names: Vec<String> =
        section(values, kind).iter().filter_map(|(key, _)| key.split('.').next().map(str::to_owned)).collect();
    for name in names {
        for (key, value) in defaults {
            values.entry(format!("{kind}.{name}.{key}")).or_insert_with(|| value.clone());
        }
    }
}
