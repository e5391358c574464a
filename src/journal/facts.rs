//! The clear prefix of a payload: what views, index and replay may know without a key.
//!
//! No personal data in the clear: person numbers, names, certificates and business keys stand here as tokens only.

use crate::domain::token::Token;

use super::tlv::{CutTlv, Tlv};

/// What a fact says. The numbers are stored and never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Fact {
    /// 交易编号, text.
    Infno = 1,
    /// 发送方报文ID, text.
    Msgid = 2,
    /// 定点医药机构编号, text.
    FixmedinsCode = 3,
    /// 就医地医保区划, text.
    MdtrtareaAdmvs = 4,
    /// 参保地医保区划, text.
    InsuplcAdmdvs = 5,
    /// 就诊ID, text.
    MdtrtId = 6,
    /// 结算ID, text; may stand several times.
    SetlId = 7,
    /// An amount: field name, 0, decimal text as it came.
    Amount = 8,
    /// A clearing dimension or type: field name, 0, text (`insutype`, `clr_optins`, `clr_type`, `clr_way`, `med_type`).
    Dimension = 9,
    /// A compared field: name, 0, token (16 bytes).
    Fingerprint = 10,
    /// Token of the set of fee lines.
    LineSet = 11,
    /// Name of the upstream, text.
    Upstream = 12,
    /// Address of the peer, text.
    Peer = 13,
    /// HTTP status, u64.
    HttpStatus = 14,
    /// `infcode` as its raw text.
    Infcode = 15,
    /// First byte of the request came, unix ns.
    ArrivedAt = 16,
    /// First byte left towards the platform, unix ns.
    SentAt = 17,
    /// The reply was complete, unix ns.
    HeardAt = 18,
    /// The answer was handed to the door, unix ns.
    AnsweredAt = 19,
    /// A broken rule: id, 0, severity, 0, place.
    Finding = 20,
    /// Seq of the INTENT that this one undoes, u64.
    UndoesSeq = 21,
    /// Seq of the INTENT whose key this one frees, u64.
    FreesSeq = 22,
    /// Key token that this one frees (OUTCOME with `FreesSeq`), or would free (INTENT, and OUTCOME without).
    FreesKey = 23,
    /// A repeat's msgid that stands for the first msgid, text.
    Alias = 24,
    /// `Told` as one byte.
    Told = 25,
    /// Counter part of the nonce of the sealed part, u64.
    NonceCounter = 26,
    /// One delivery: intent seq u64, exchange id 16 bytes, told u8, bytes u64, at unix ns i64 (`composite::Delivery`).
    Delivery = 27,
    /// One refusal that sent nothing: at unix ns i64, class u8, cause u8, then infno, 0, rule id, 0, count as decimal text
    /// (`composite::RefusedCall`).
    RefusedCall = 28,
    /// Seq of an open INTENT at a roll, u64, then class u8, then unix ns i64 (`composite::OpenIntent`).
    OpenIntent = 29,
    /// SM3 of the segment header.
    SegmentDigest = 30,
    /// A word that says why (Opened, Note, OperatorAct).
    Reason = 31,
    /// A file or name that the record is about, text.
    Name = 32,
    /// A byte or record count that belongs to `Name` or `Reason`, u64.
    Count = 33,
    /// Text of a Snapshot, Dictionary or Checkpoint; what an OperatorAct changed, a line each: what, before, after.
    Text = 34,
    /// Chain value at a cut or at the end of a segment.
    ChainAt = 35,
    /// Segment number a cut or roll is about, u64.
    SegmentAt = 36,
    /// Offset a cut is about, u64.
    OffsetAt = 37,
    /// Seq that a Snapshot reference points to: name, 0, u64.
    SnapshotRef = 38,
    /// Edge of the tree over all records before this Carry: hashes of 32 bytes, largest subtree first.
    Frontier = 39,
    /// First and last key slot of a block, two u64 (KeySlots); or every slot destroyed, a u64 each (Erasure).
    Slots = 40,
    /// Key slot linked to the visit that only the answer named, u64 (OUTCOME).
    LinkedSlot = 41,
    /// `Class` was decided against: path infno, 0, body infno.
    Disagreement = 42,
    /// `medins_setl_id` of the reply, text.
    MedinsSetlId = 43,
    /// Who acted (OperatorAct, Decision), text.
    Who = 44,
    /// Seq of the evidence a later OUTCOME rests on, u64.
    EvidenceSeq = 45,
    /// A request id or row id that the profile makes the HIS-visible batch (`chrg_bchno`), text.
    ChrgBchno = 46,
    /// Token of the key without the fields that a HIS changes on a retry (2102).
    LikeKey = 47,
    /// A body that stands in a file of its own: bytes on disk u64, SM3 over them, file name (`composite::StoredBody`). Who holds no
    /// key can check the file by it.
    StoredBody = 51,
    /// Number of the first record that a trim left in the journal, u64 (OperatorAct; Carry hands it on).
    TrimmedTo = 52,
    /// What an automatic step knew when it decided: name, 0, text. `Step` says what it decided (Note, INTENT).
    Knew = 53,
    /// What an automatic step decided, a word (Note, INTENT).
    Step = 54,
    /// Whose keys may open the seals of a call and its reply: name of the identity, 0, variant of the profile's signing (INTENT).
    OpenedAs = 55,
    /// Number that this Snapshot had before its segment was trimmed, u64: records that are kept name it by that (Snapshot).
    SnapshotWas = 56,
    /// The day of the books that a ledger is of, `2026-11-21` (Ledger, Statement, Difference).
    LedgerDay = 57,
    /// SM3 over the bytes of the file as it was handed in (Ledger).
    FileDigest = 58,
    /// INTENT of an exchange whose unknown end is known by this record, u64; may stand several times (Decision).
    KnownSeq = 60,
    /// What kind of refusal an answer holds: the name of an entry of the dictionary, or `#` and a token of the text without what differs
    /// from call to call (OUTCOME).
    Saying = 61,
    /// A pack of rules in force beside the profile: name, 0, version, 0, SM3 over its files in hex (Snapshot).
    Pack = 70,
    /// As it was before the act, text (OperatorAct).
    Before = 48,
    /// As it is after the act, text (OperatorAct).
    After = 49,
    /// An exchange whose key slot was destroyed: its id, 16 bytes (Erasure).
    Erased = 50,
}

/// The facts of one record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts(pub Tlv);

impl Facts {
    /// Reads the clear prefix.
    ///
    /// # Errors
    /// When it is cut.
    pub fn decode(bytes: &[u8]) -> Result<Facts, CutTlv> {
        Tlv::decode(bytes).map(Facts)
    }

    /// Adds raw bytes.
    pub fn bytes(&mut self, fact: Fact, value: impl AsRef<[u8]>) {
        self.0.add(fact as u16, value);
    }

    /// Adds text; an empty text adds nothing.
    pub fn text(&mut self, fact: Fact, value: &str) {
        if !value.is_empty() {
            self.0.add(fact as u16, value);
        }
    }

    /// Adds a number.
    pub fn number(&mut self, fact: Fact, value: u64) {
        self.0.add(fact as u16, value.to_le_bytes());
    }

    /// Adds a token; none adds nothing.
    pub fn token(&mut self, fact: Fact, value: Token) {
        if !value.is_none() {
            self.0.add(fact as u16, value.0);
        }
    }

    /// Adds `name`, 0, `value`.
    pub fn named(&mut self, fact: Fact, name: &str, value: &[u8]) {
        self.0.add_parts(fact as u16, &[name.as_bytes(), &[0], value]);
    }

    /// First value as text.
    pub fn text_of(&self, fact: Fact) -> Option<&str> {
        self.0.first(fact as u16).and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    /// First value as a number.
    pub fn number_of(&self, fact: Fact) -> Option<u64> {
        self.0.first(fact as u16).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes)
    }

    /// All values as numbers.
    pub fn numbers_of(&self, fact: Fact) -> impl Iterator<Item = u64> {
        self.0.all(fact as u16).filter_map(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes)
    }

    /// First value as a token.
    pub fn token_of(&self, fact: Fact) -> Option<Token> {
        self.0.first(fact as u16).and_then(|bytes| bytes.try_into().ok()).map(Token)
    }

    /// All values as raw bytes.
    pub fn all(&self, fact: Fact) -> impl Iterator<Item = &[u8]> {
        self.0.all(fact as u16)
    }

    /// All named values: (name, value).
    pub fn all_named(&self, fact: Fact) -> impl Iterator<Item = (&str, &[u8])> {
        self.all(fact).filter_map(|bytes| {
            let split = bytes.iter().position(|byte| *byte == 0)?;
            Some((std::str::from_utf8(&bytes[..split]).ok()?, &bytes[split + 1..]))
        })
    }
}
