//! The journal as anyone with the data folder reads it, also beside a running gateway: whole records in order, sealed parts
//! opened, body files decrypted.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};

use medgate::domain::class::Class;
use medgate::domain::exchange::Seq;
use medgate::domain::message::{Body, BodyFile, Reply};
use medgate::domain::outcome::{Cause, Outcome};
use medgate::journal::Record;
use medgate::journal::body_file::{BodyHeader, HEADER_BYTES, STORED_FRAME_BYTES};
use medgate::journal::facts::Fact;
use medgate::journal::key_folder::{KeyFolder, Keys};
use medgate::journal::master::Master;
use medgate::journal::record::{Kind, flag};
use medgate::journal::sealing::unseal;
use medgate::journal::segment::{self, SEGMENT_HEADER_LEN, read_header};
use medgate::journal::walk::{Step, Walk};
use sm3::{Digest, Sm3};

/// SM3 of bytes, as hex.
pub fn sm3(bytes: &[u8]) -> String {
    hex::encode(Sm3::digest(bytes))
}

/// One INTENT.
#[derive(Debug, Clone)]
pub struct Intent {
    /// Its number.
    pub seq: Seq,
    /// Class of the call.
    pub class: Class,
    /// As sent.
    pub msgid: String,
    /// SM3 of the request body.
    pub body_sm3: String,
    /// The body stands in a file of its own.
    pub spooled: bool,
}

/// One OUTCOME.
#[derive(Debug, Clone)]
pub struct Settled {
    /// Its number.
    pub seq: Seq,
    /// Confirmed, Refused or Unknown.
    pub outcome: Outcome,
    /// Why.
    pub cause: Cause,
    /// Written while opening.
    pub by_recovery: bool,
    /// The answer that the HIS could have: our own words, else the platform's.
    pub answer: Option<Told>,
    /// The answer stands in a file of its own.
    pub spooled: bool,
}

/// An answer, as both sides can compare it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// HTTP status.
    pub status: u16,
    /// Bytes of the body.
    pub len: usize,
    /// SM3 of the body.
    pub sm3: String,
}

impl Told {
    /// Of a body.
    pub fn of(status: u16, body: &[u8]) -> Told {
        Told { status, len: body.len(), sm3: sm3(body) }
    }
}

/// All that was read so far.
pub struct Evidence {
    data: PathBuf,
    keys: KeyFolder,
    segment_no: u32,
    at: u64,
    /// Every INTENT, by number.
    pub intents: BTreeMap<Seq, Intent>,
    /// Every OUTCOME, by the number of its INTENT.
    pub outcomes: HashMap<Seq, Vec<Settled>>,
    /// The INTENT of a request body.
    pub by_body: HashMap<String, Seq>,
    /// Kind and place of every record.
    pub records: Vec<(u8, medgate::journal::Place, u32)>,
    /// Files named by the Opened records.
    pub cut_files: Vec<String>,
}

impl Evidence {
    /// Nothing is read yet.
    pub fn of(data: &Path) -> Evidence {
        Evidence {
            data: data.to_owned(),
            keys: KeyFolder::at(&data.join("keys"), Master::Beside),
            segment_no: 1,
            at: SEGMENT_HEADER_LEN as u64,
            intents: BTreeMap::new(),
            outcomes: HashMap::new(),
            by_body: HashMap::new(),
            records: Vec::new(),
            cut_files: Vec::new(),
        }
    }

    /// Everything that stands in a data folder.
    pub fn in_folder(data: &Path) -> Evidence {
        let mut evidence = Evidence::of(data);
        evidence.read_on();
        evidence
    }

    /// Takes up what was written since.
    pub fn read_on(&mut self) {
        while let Ok(file) = File::open(self.data.join(segment::path(self.segment_no))) {
            let next = File::open(self.data.join(segment::path(self.segment_no + 1))).ok();
            let next = next.map(|file| read_header(&file).unwrap().unwrap());
            let end = next.as_ref().map_or_else(|| file.metadata().unwrap().len(), |next| next.prev_valid_len);
            let mut walk = Walk::new(&file, self.at, end);
            while let Step::Frame { at, frame, .. } = walk.step().unwrap() {
                let record = Record::decode(frame, at).unwrap();
                self.take(&record);
            }
            self.at = walk.at();
            if next.is_none() {
                return;
            }
            assert_eq!(self.at, end, "segment {} ends where the next one says", self.segment_no);
            (self.segment_no, self.at) = (self.segment_no + 1, SEGMENT_HEADER_LEN as u64);
        }
    }

    /// The segment that is being written.
    pub fn segment_no(&self) -> u32 {
        self.segment_no
    }

    /// Offset behind the last whole record.
    pub fn end(&self) -> u64 {
        self.at
    }

    /// The INTENT of a msgid.
    pub fn intent_of(&self, msgid: &str) -> Option<&Intent> {
        self.intents.values().find(|intent| intent.msgid == msgid)
    }

    /// The only OUTCOME of a msgid's INTENT.
    pub fn outcome_of(&self, msgid: &str) -> Option<&Settled> {
        let outcomes = self.outcomes.get(&self.intent_of(msgid)?.seq)?;
        assert_eq!(outcomes.len(), 1, "{msgid}");
        outcomes.first()
    }

    fn take(&mut self, record: &Record) {
        let header = &record.header;
        self.records.push((header.kind, record.place, header.frame_len));
        match header.known_kind() {
            Some(Kind::Intent) => self.take_intent(record),
            Some(Kind::Outcome) => self.take_outcome(record),
            Some(Kind::Opened) => {
                let names = record.facts.all(Fact::Name).map(|name| String::from_utf8(name.to_vec()).unwrap());
                self.cut_files.extend(names);
            }
            _ => {}
        }
    }

    fn take_intent(&mut self, record: &Record) {
        let header = &record.header;
        let request = unseal(&self.keys, header, &record.payload).unwrap().request.unwrap();
        let intent = Intent {
            seq: header.seq,
            class: Class::from_code(header.class).unwrap(),
            msgid: record.facts.text_of(Fact::Msgid).unwrap_or_default().to_owned(),
            body_sm3: sm3(&self.bytes_of(&request.body)),
            spooled: header.has(flag::SPOOLED),
        };
        assert_eq!(intent.spooled, matches!(request.body, Body::Spooled(_)));
        self.by_body.insert(intent.body_sm3.clone(), header.seq);
        self.intents.insert(header.seq, intent);
    }

    fn take_outcome(&mut self, record: &Record) {
        let header = &record.header;
        let sealed = header.has(flag::SEALED).then(|| unseal(&self.keys, header, &record.payload).unwrap());
        let answer = sealed.and_then(|sealed| sealed.own_answer.or(sealed.reply));
        let settled = Settled {
            seq: header.seq,
            outcome: Outcome::from_code(header.outcome).unwrap(),
            cause: Cause::from_code(header.cause).unwrap(),
            by_recovery: header.has(flag::BY_RECOVERY),
            spooled: answer.as_ref().is_some_and(|answer| matches!(answer.body, Body::Spooled(_))),
            answer: answer.map(|answer: Reply| Told::of(answer.status, &self.bytes_of(&answer.body))),
        };
        self.outcomes.entry(header.ref_seq).or_default().push(settled);
    }

    fn bytes_of(&self, body: &Body) -> Vec<u8> {
        match body {
            Body::Buffered(bytes) => bytes.to_vec(),
            Body::Spooled(file) => self.body_file(file),
        }
    }

    /// A body file, checked against what its record says of it.
    fn body_file(&self, file: &BodyFile) -> Vec<u8> {
        let stored = std::fs::read(self.data.join("journal/bodies").join(&file.name)).unwrap();
        assert_eq!(stored.len() as u64, file.stored_len, "{}", file.name);
        assert_eq!(<[u8; 32]>::from(Sm3::digest(&stored)), file.digest, "{}", file.name);
        let (head, frames) = stored.split_at(HEADER_BYTES);
        let header = BodyHeader::decode(head.try_into().unwrap()).unwrap();
        let mut cipher = header.frames(&self.keys.key(header.key_slot).unwrap());
        let mut frames = frames.chunks(STORED_FRAME_BYTES).peekable();
        let mut body = Vec::new();
        while let Some(frame) = frames.next() {
            let mut frame = frame.to_vec();
            cipher.open(&mut frame, frames.peek().is_none()).unwrap();
            body.extend_from_slice(&frame);
        }
        assert_eq!(body.len() as u64, file.raw_len, "{}", file.name);
        body
    }
}
