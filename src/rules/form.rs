//! The fast form of a transaction: what the walk over a body asks at each member, prepared.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::express::kinds::Typed;
use super::mode::Mode;
use super::rule::CodeForm;

/// Members of one node; the widest table of the specification has 148.
pub const MEMBERS_MAX: usize = 256;

/// One bit per member of a node.
pub(super) type Bits = [u64; MEMBERS_MAX / 64];

/// What a table rule asks of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Ask {
    /// It is filled.
    Required,
    /// It is not too long.
    Length,
    /// Its characters fit, and its bytes in GBK do too.
    GbkLength,
    /// It is a number.
    Kind,
    /// It has not too many decimals.
    Scale,
    /// It is a code of its table.
    Code,
    /// It is a day or time.
    Date,
    /// It is one value, or a row, as the table says.
    Shape,
}

impl Ask {
    /// All of them.
    pub const ALL: [Ask; 8] =
        [Ask::Required, Ask::Length, Ask::GbkLength, Ask::Kind, Ask::Scale, Ask::Code, Ask::Date, Ask::Shape];

    /// As it stands in an id.
    pub fn word(self) -> &'static str {
        match self {
            Ask::Required => "required",
            Ask::Length => "length",
            Ask::GbkLength => "gbk_length",
            Ask::Kind => "kind",
            Ask::Scale => "scale",
            Ask::Code => "code",
            Ask::Date => "date",
            Ask::Shape => "shape",
        }
    }
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// A text.
    Text,
    /// A number, as a JSON number or a text.
    Number,
    /// `2025-01-31`.
    Day,
    /// `2025-01-31 08:00:00`.
    Time,
    /// `202501`.
    Month,
    /// Rows or a row whose fields no table names.
    Nest,
    /// Anything.
    Any,
}

/// A code table that a field is held to.
#[derive(Debug, Clone)]
pub struct Codes {
    /// Its name.
    pub name: Box<str>,
    /// The codes, sorted.
    pub codes: Vec<Box<str>>,
}

/// A member of a node: a field, a node below, or a field that is a node.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its name, as the table writes it.
    pub name: Box<str>,
    /// Chinese name; may be empty.
    pub label: Box<str>,
    /// How it is written.
    pub written: Written,
    /// Longest value: characters, or digits of a number; 0 = not said.
    pub longest: u32,
    /// Most decimals; none = not said.
    pub scale: Option<u32>,
    /// The codes it may say.
    pub codes: Option<Arc<Codes>>,
    /// What a code outside of them does.
    pub code_mode: Mode,
    /// What any other fault does.
    pub mode: Mode,
    /// What leaving it out does; none = it may be left out.
    pub required: Option<Mode>,
    /// The node of that name.
    pub child: Option<u16>,
    /// Where its value is kept for rules over several fields.
    pub keep: Option<u16>,
    /// The line of its table; 0 for the envelope's own.
    pub line: usize,
    /// Who says it.
    pub source: Box<str>,
    /// Asks that a pack has switched off, one bit each.
    pub off: u8,
}

impl Member {
    /// True where an ask is not switched off.
    pub fn asks(&self, ask: Ask) -> bool {
        self.off & (1 << ask as u8) == 0
    }
}

/// A node of a request; the first of a form is `input` itself.
#[derive(Debug, Clone, Default)]
pub struct Node {
    /// Its name.
    pub name: Box<str>,
    /// Many rows.
    pub is_list: bool,
    /// The node it stands in; its own number for the first.
    pub parent: u16,
    /// Its members.
    pub members: Vec<Member>,
    /// How many values of a row are kept.
    pub keeps: u16,
    /// Rows are remembered.
    pub keeps_rows: bool,
    pub(super) required: Bits,
    pub(super) find: Vec<u16>,
}

const NOTHING: u16 = u16::MAX;

impl Node {
    /// Prepares the search by name and what must be there; to be called when the members are complete.
    pub(super) fn prepare(&mut self) {
        let size = (self.members.len() * 2).next_power_of_two().max(4);
        self.find = vec![NOTHING; size];
        self.required = Bits::default();
        for (at, member) in self.members.iter().enumerate() {
            if member.required.is_some() && member.asks(Ask::Required) {
                self.required[at / 64] |= 1 << (at % 64);
            }
            let mut slot = hash(member.name.as_bytes()) & (size - 1);
            while self.find[slot] != NOTHING {
                slot = (slot + 1) & (size - 1);
            }
            self.find[slot] = at as u16;
        }
    }

    /// The member of a name, whatever its case; `hint` is where it would stand if the message had the table's order.
    pub(super) fn find(&self, name: &[u8], hint: usize) -> Option<usize> {
        let is = |at: usize| self.members[at].name.as_bytes().eq_ignore_ascii_case(name);
        if hint < self.members.len() && is(hint) {
            return Some(hint);
        }
        let mask = self.find.len().checked_sub(1)?;
        let mut slot = hash(name) & mask;
        while self.find[slot] != NOTHING {
            let at = usize::from(self.find[slot]);
            if is(at) {
                return Some(at);
            }
            slot = (slot + 1) & mask;
        }
        None
    }

    /// The member of a name.
    pub fn named(&self, name: &str) -> Option<&Member> {
        self.find(name.as_bytes(), usize::MAX).map(|at| &self.members[at])
    }
}

/// FNV-1a over what ASCII letters of either case share.
fn hash(name: &[u8]) -> usize {
    let folded = name
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |all, byte| (all ^ u64::from(byte | 0x20)).wrapping_mul(0x100_0000_01b3));
    (folded ^ (folded >> 32)) as usize
}

/// Where a rule finds a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the row that is judged, or so many rows above it.
    Row {
        /// Rows up.
        up: u8,
        /// Its node and member.
        field: (u16, u16),
        /// Among the kept values of that row.
        keep: u16,
    },
    /// In the only row of another node.
    Only {
        /// Its node and member.
        field: (u16, u16),
        /// Among the kept values of that row.
        keep: u16,
    },
}

impl Place {
    /// Node and member.
    pub fn field(self) -> (u16, u16) {
        match self {
            Place::Row { field, .. } | Place::Only { field, .. } => field,
        }
    }
}

/// What a rule asks of the kept values.
#[derive(Debug, Clone)]
pub enum Test {
    /// All are filled.
    Require(Vec<Place>),
    /// All are empty.
    Absent(Vec<Place>),
    /// This holds; the first field it names is where it is shown.
    Must(Box<Typed<Place>>, Option<Place>),
    /// No other row says the same.
    Unique(Vec<Place>),
    /// At most so many rows.
    RowsMax(u64),
    /// Each says one of these.
    Codes(Vec<(Place, Vec<Box<str>>)>),
    /// Each is written in one of these forms.
    Forms(Vec<(Place, Vec<CodeForm>)>),
}

/// A hand-written rule on one transaction.
#[derive(Debug, Clone)]
pub struct Cross {
    /// Its place in the list of rules.
    pub rule: usize,
    /// What it does here.
    pub mode: Mode,
    /// The node whose rows are judged; 0 = the message.
    pub node: u16,
    /// Only where this holds.
    pub when: Option<Typed<Place>>,
    /// What is asked.
    pub test: Test,
}

/// A sum or a count over the rows of a node.
#[derive(Debug, Clone)]
pub struct Total {
    /// The node.
    pub node: u16,
    /// What is added; none = rows are counted.
    pub field: Option<Place>,
    /// Which rows count.
    pub only: Option<Typed<Place>>,
}

/// A transaction.
#[derive(Debug, Clone, Default)]
pub struct Form {
    /// Its number; `*` is the envelope of every one.
    pub infno: Box<str>,
    /// The file of its table.
    pub file: Box<str>,
    /// Its nodes; the first is `input`.
    pub nodes: Vec<Node>,
    /// Hand-written rules.
    pub cross: Vec<Cross>,
    /// What they sum and count.
    pub totals: Vec<Total>,
}

impl Form {
    /// `2207.data.mdtrt_id:required`.
    pub fn id(&self, node: u16, member: u16, ask: Ask) -> String {
        let (node, place) = (&self.nodes[usize::from(node)], usize::from(member));
        let infno = if &*self.infno == "*" { "envelope" } else { &self.infno };
        let member = &node.members[place];
        match (&*node.name, member.child.is_some() && member.line == 0) {
            // A node without a line among the fields of its parent.
            (_, true) => format!("{infno}.{}:{}", member.name, ask.word()),
            ("", _) if infno == "envelope" => format!("{infno}.{}:{}", member.name, ask.word()),
            ("", _) => format!("{infno}.input.{}:{}", member.name, ask.word()),
            (node, _) => format!("{infno}.{node}.{}:{}", member.name, ask.word()),
        }
    }

    /// Node and member of a rule's id without its ask: `2207.data.mdtrt_id`.
    pub fn member_of(&self, id: &str) -> Option<(u16, u16)> {
        for (node, one) in self.nodes.iter().enumerate() {
            for member in 0..one.members.len() {
                let (node, member) = (node as u16, member as u16);
                if self.id(node, member, Ask::Required).rsplit_once(':').is_some_and(|(own, _)| own == id) {
                    return Some((node, member));
                }
            }
        }
        None
    }
}

/// What a sum or count came to.
pub(super) type Summed = Option<Decimal>;
