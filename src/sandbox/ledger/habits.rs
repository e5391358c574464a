//! How strict the stand-in is, and what the specification leaves to the provinces: each choice has a plain default, and
//! a temper (`sandbox/temper.rs`) draws others from a seed.

use serde::Serialize;

use crate::sandbox::tree::Node;

/// How the stand-in behaves where the specification leaves it open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Habits {
    /// Accept persons and visits that were never registered, and settlements without fee lines.
    pub lenient: bool,
    /// Settle a batch again although it is settled: a platform that does not notice. Shows what a gateway is for.
    pub settles_twice: bool,
    /// Ask for every field that the specification requires, for diagnoses before fee lines, for a trial before money.
    pub strict: bool,
    /// Answer a second settlement of the same batch with the first one's answer instead of a refusal.
    pub replays: bool,
    /// Say yes to a second 2601 of the same transaction instead of refusing it.
    pub reverses_twice: bool,
    /// Refuse 2601 of a msgid that was never seen, instead of saying yes.
    pub knows_its_msgids: bool,
    /// Take fee lines that are already there in silence instead of refusing them.
    pub takes_lines_twice: bool,
    /// Refuse the sale of a whole pack whose trace code was sold before, instead of only noting it.
    pub watches_codes: bool,
    /// 3201 tells who has more (0 to 3) instead of only whether sums differ (0, 1).
    pub tells_who_has_more: bool,
    /// Add members that no specification names.
    pub spare_fields: bool,
    /// Leave out what is empty instead of writing null.
    pub omits_empty: bool,
    /// How refusals are worded.
    pub tone: Tone,
    /// How many seconds a sign_no lives; 0 = nobody looks at it.
    pub sign_life_s: u32,
}

/// How refusals are worded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum Tone {
    /// The sentence alone.
    #[default]
    Plain,
    /// With a tag in brackets at its end, as many platforms do.
    Tagged,
    /// With the interface's number before it.
    Announced,
}

impl Tone {
    /// The err_msg of a refusal.
    pub fn say(self, infno: &str, why: &str) -> String {
        match self {
            Tone::Plain => why.to_string(),
            Tone::Tagged => format!("{why}[fsi_{infno}]"),
            Tone::Announced => format!("FSI-{infno}：{why}"),
        }
    }
}

impl Habits {
    /// The output as this province writes it.
    pub(super) fn dress(&self, output: Node) -> Node {
        let output = if self.omits_empty { output.without_nulls() } else { output };
        match output {
            Node::Object(mut members) if self.spare_fields => {
                members
                    .push(("sandbox_ext", Node::Object(vec![("trace_id", Node::text("990000")), ("rsv", Node::Null)])));
                Node::Object(members)
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_is_dressed_as_the_province_likes_it() {
        let output =
            || Node::Object(vec![("a", Node::Null), ("b", Node::List(vec![Node::Object(vec![("c", Node::Null)])]))]);
        assert_eq!(Habits::default().dress(output()), output());
        let habits = Habits { omits_empty: true, ..Habits::default() };
        assert_eq!(habits.dress(output()), Node::Object(vec![("b", Node::List(vec![Node::Object(vec![])]))]));
        assert_eq!(Tone::Tagged.say("2207", "余额不足"), "余额不足[fsi_2207]");
    }
}
