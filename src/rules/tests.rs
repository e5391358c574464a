//! What packs say and what checks find, on the built-in packs.

use super::compile::{Chosen, Rules, compile};
use super::dates::Day;
use super::pack::Pack;
use super::texts::Texts;
use crate::domain::class::Class;

fn class_of(infno: &str) -> Class {
    match infno {
        "2207" | "2207A" | "2304" | "2304A" | "2102" => Class::Money,
        "2206" | "2303" | "2101" => Class::Presettle,
        "2204" | "2301" => Class::Stage,
        _ if infno.starts_with("35") => Class::Upload,
        _ => Class::State,
    }
}

fn built_in() -> Vec<Pack> {
    Pack::load_all(&Texts::embedded()).unwrap_or_else(|wrong| panic!("{wrong:#?}"))
}

fn rules(region: &str) -> Rules {
    let chosen = Chosen { region, day: Day::read("2026-01-01").unwrap(), class_of: &class_of, said: Said::default() };
    compile(&built_in(), &Texts::embedded(), &chosen).unwrap_or_else(|wrong| panic!("{wrong:#?}"))
}

#[test]
fn the_examples_of_every_table_and_rule_hold() {
    let ran = super::examples::run(&built_in(), &Texts::embedded(), "", &class_of).unwrap();
    let wrong: Vec<String> = ran.wrong.iter().map(ToString::to_string).collect();
    for w in &wrong {
        println!("W {w}");
    }
    assert_eq!(wrong.join("\n"), "", "{} are good", ran.good);
    assert_eq!(ran.tables, 295);
}
