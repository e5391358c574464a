//! A draft becomes a frame: facts in the clear, the rest compressed, encrypted and committed to; and a sealed part is opened.
//!
//! Numbers, chain and crc are left to the writer (`record::stamp`).

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use sm3::{Digest, Sm3};

use crate::domain::clock::Clock;
use crate::domain::limits::FRAME_BYTES_MAX;

use super::cipher::{Cipher, Nonce, TAG_LEN};
use super::composite::StoredBody;
use super::draft::{Draft, Sealed};
use super::entry::index_entries;
use super::facts::{Fact, Facts};
use super::frame::Frame;
use super::key_folder::Keys;
use super::keys::{KeyError, KeyPool, Slot, SlotKey};
use super::pack::{self, Codec, SLICE_BYTES};
use super::record::{HEADER_LEN, Header, flag, frame_len_for, payload_digest};
use super::sealed_form::MalformedForm;
use super::tlv::{self, CutTlv};
use super::tokens::Tokens;

/// A sealed part before compression: far above what the line lets in, and a bound on what opening one may allocate.
pub const SEALED_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What slot keys are derived for.
const PART_KEY: &str = "sealed part";
const SALT: &str = "commitment salt";
const ALG_SM3: u8 = 1;

/// Makes frames for one opening of the journal. Shared by all callers; one counter gives every sealed part its nonce.
pub struct Sealer {
    open_salt: u32,
    cipher: Cipher,
    level: i32,
    pool: Arc<KeyPool>,
    tokens: Arc<Tokens>,
    clock: Arc<dyn Clock>,
    opened_mono_ns: u64,
    sealed_parts: AtomicU64,
}

impl Sealer {
    /// `open_salt` must be random: with the counter it keeps the nonces of two openings apart. `level` is zstd's.
    pub fn new(
        open_salt: u32,
        cipher: Cipher,
        level: i32,
        pool: Arc<KeyPool>,
        tokens: Arc<Tokens>,
        clock: Arc<dyn Clock>,
    ) -> Sealer {
        let opened_mono_ns = clock.mono_ns();
        Sealer { open_salt, cipher, level, pool, tokens, clock, opened_mono_ns, sealed_parts: AtomicU64::new(0) }
    }

    /// Takes a key slot for an exchange whose body is spooled before its INTENT is drafted.
    ///
    /// # Errors
    /// When the pool is empty and cannot be refilled.
    pub fn take_slot(&self) -> Result<u64, KeyError> {
        self.pool.take().map(|slot| slot.number)
    }

    /// Makes the frame of a draft; a large one lets other tasks run between slices of 64 KiB.
    ///
    /// A draft with something to seal and `key_slot` 0 takes a slot of its own, found in the frame's header.
    ///
    /// # Errors
    /// When the record is too large or there is no key.
    pub async fn frame(&self, draft: Draft) -> Result<Frame, FrameError> {
        let begun = self.begin(draft)?;
        match &begun.part {
            // In a box, so that the future of every other record stays small.
            Some(part) if part.plain.len() > SLICE_BYTES => Box::pin(self.finish_in_slices(begun)).await,
            _ => self.finish_at_once(begun),
        }
    }

    async fn finish_in_slices(&self, mut begun: Begun) -> Result<Frame, FrameError> {
        let Some(part) = begun.part.take() else { return self.finish_at_once(begun) };
        begun.header.plain_commit = digest_in_slices(&part.plain).await;
        let (codec, packed) = pack::pack_in_slices(self.level, part.plain).await?;
        let bytes = self.assemble(&mut begun, Some((part.key, codec, packed)))?;
        begun.header.payload_digest = digest_in_slices(begun.payload(&bytes)).await;
        Ok(self.close(begun, bytes))
    }

    /// Makes the frame in one go: for the writer's and recovery's own small records, outside any task.
    ///
    /// # Errors
    /// As [`Sealer::frame`].
    pub fn frame_at_once(&self, draft: Draft) -> Result<Frame, FrameError> {
        self.finish_at_once(self.begin(draft)?)
    }

    /// Opens the sealed part of a record.
    ///
    /// # Errors
    /// As [`unseal`].
    pub fn open(&self, header: &Header, payload: &[u8]) -> Result<Sealed, SealedError> {
        unseal(&*self.pool, header, payload)
    }

    fn begin(&self, draft: Draft) -> Result<Begun, FrameError> {
        let Draft { mut header, mut facts, sealed } = draft;
        header.open_salt = self.open_salt;
        header.mono_ns = self.clock.mono_ns().saturating_sub(self.opened_mono_ns);
        if header.at_unix_ns == 0 {
            header.at_unix_ns = self.clock.unix_ns();
        }
        for file in sealed.iter().flat_map(Sealed::spooled) {
            facts.bytes(Fact::StoredBody, StoredBody::encode(file));
            header.flags |= flag::SPOOLED;
        }
        let part = sealed.map(|sealed| self.begin_part(&mut header, &sealed)).transpose()?;
        let counter_len = if part.is_some() { COUNTER_ENTRY_LEN } else { 0 };
        header.facts_len = length(facts.0.stored().len() + counter_len)?;
        Ok(Begun { header, facts, counter: part.as_ref().map(|part| part.counter), part })
    }

    fn begin_part(&self, header: &mut Header, sealed: &Sealed) -> Result<Part, FrameError> {
        let key = match header.key_slot {
            0 => {
                let Slot { number, key } = self.pool.take()?;
                header.key_slot = number;
                key
            }
            slot => self.pool.key(slot)?,
        };
        let counter = self.sealed_parts.fetch_add(1, Ordering::Relaxed);
        // Unknown without the key, never twice the same, and no call for entropy on the line.
        let salt = key.derive(SALT, &[&nonce(self.open_salt, counter)]);
        let plain = sealed.encode(&salt);
        if plain.len() > SEALED_BYTES_MAX {
            return Err(FrameError::TooLarge(plain.len()));
        }
        header.flags |= flag::SEALED;
        header.cipher = self.cipher as u8;
        header.raw_len = plain.len() as u64;
        Ok(Part { key, counter, plain })
    }

    fn finish_at_once(&self, mut begun: Begun) -> Result<Frame, FrameError> {
        let packed = match begun.part.take() {
            Some(part) => {
                begun.header.plain_commit = Sm3::digest(&part.plain).into();
                let (codec, packed) = pack::pack(self.level, part.plain)?;
                Some((part.key, codec, packed))
            }
            None => None,
        };
        let bytes = self.assemble(&mut begun, packed)?;
        begun.header.payload_digest = payload_digest(begun.payload(&bytes));
        Ok(self.close(begun, bytes))
    }

    /// Lays out the frame with an empty header: facts, ciphertext, tag, padding.
    fn assemble(&self, begun: &mut Begun, part: Option<(SlotKey, Codec, Vec<u8>)>) -> Result<Vec<u8>, FrameError> {
        let header = &mut begun.header;
        let payload_len = header.facts_len as usize + part.as_ref().map_or(0, |(_, _, packed)| packed.len() + TAG_LEN);
        let frame_len = frame_len_for(payload_len);
        if frame_len > FRAME_BYTES_MAX {
            return Err(FrameError::TooLarge(frame_len));
        }
        (header.payload_len, header.frame_len) = (length(payload_len)?, length(frame_len)?);
        let mut bytes = Vec::with_capacity(frame_len);
        bytes.resize(HEADER_LEN, 0);
        if let Some(counter) = begun.counter {
            // First, so that facts copied from another record cannot hide it.
            tlv::put(&mut bytes, Fact::NonceCounter as u16, &[&counter.to_le_bytes()]);
        }
        bytes.extend_from_slice(begun.facts.0.stored());
        if let Some(((key, codec, packed), counter)) = part.zip(begun.counter) {
            header.codec = codec as u8;
            let sealed_at = bytes.len();
            bytes.extend_from_slice(&packed);
            let keyed = self.cipher.keyed(&key, PART_KEY, &[]);
            let tag = keyed.encrypt(nonce(self.open_salt, counter), &bound(header), &mut bytes[sealed_at..]);
            bytes.extend_from_slice(&tag);
        }
        bytes.resize(frame_len, 0);
        Ok(bytes)
    }

    fn close(&self, begun: Begun, mut bytes: Vec<u8>) -> Frame {
        let Begun { header, facts, .. } = begun;
        bytes[..HEADER_LEN].copy_from_slice(&header.encode());
        Frame { bytes, entries: index_entries(&header, &facts, &self.tokens), header }
    }
}

/// Opens the sealed part of a record: checks the digest of the payload, the tag and the commitment.
///
/// # Errors
/// When the record has none, its key is gone, or any byte is not what was written.
pub fn unseal(keys: &impl Keys, header: &Header, payload: &[u8]) -> Result<Sealed, SealedError> {
    Ok(Sealed::decode(&plain(keys, header, payload)?)?)
}

/// The plain form of the sealed part of a record, its salt first: what the header commits to.
///
/// # Errors
/// As [`unseal`].
pub fn plain(keys: &impl Keys, header: &Header, payload: &[u8]) -> Result<Bytes, SealedError> {
    if !header.has(flag::SEALED) {
        return Err(SealedError::NothingSealed);
    }
    if [header.digest_alg, header.commit_alg] != [ALG_SM3, ALG_SM3] || header.dict_id != 0 {
        return Err(SealedError::LaterFormat);
    }
    let cipher = Cipher::from_code(header.cipher).ok_or(SealedError::LaterFormat)?;
    let codec = Codec::from_code(header.codec).ok_or(SealedError::LaterFormat)?;
    let raw_len = usize::try_from(header.raw_len).ok().filter(|len| *len <= SEALED_BYTES_MAX);
    let raw_len = raw_len.ok_or(SealedError::LaterFormat)?;
    if payload_digest(payload) != header.payload_digest {
        return Err(SealedError::Digest);
    }
    let (facts, stored) = payload.split_at_checked(header.facts_len as usize).ok_or(SealedError::Facts(CutTlv))?;
    let counter = Facts::decode(facts)?.number_of(Fact::NonceCounter).ok_or(SealedError::NoCounter)?;
    let (ciphertext, tag) = stored.split_last_chunk::<TAG_LEN>().ok_or(SealedError::Tag)?;
    let slot = keys.key(header.key_slot).map_err(|error| match error {
        KeyError::Destroyed(slot) => SealedError::Erased(slot),
        other => SealedError::Key(other),
    });
    let keyed = cipher.keyed(&slot?, PART_KEY, &[]);
    let mut packed = ciphertext.to_vec();
    keyed.decrypt(nonce(header.open_salt, counter), &bound(header), &mut packed, *tag).map_err(|_| SealedError::Tag)?;
    let plain = Bytes::from(pack::unpack(codec, packed, raw_len).map_err(SealedError::Unpack)?);
    if <[u8; 32]>::from(Sm3::digest(&plain)) != header.plain_commit {
        return Err(SealedError::Commitment);
    }
    Ok(plain)
}

/// A draft on its way.
struct Begun {
    header: Header,
    facts: Facts,
    counter: Option<u64>,
    part: Option<Part>,
}

/// What will be sealed.
struct Part {
    key: SlotKey,
    counter: u64,
    plain: Vec<u8>,
}

impl Begun {
    fn payload<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[HEADER_LEN..HEADER_LEN + self.header.payload_len as usize]
    }
}

/// Tag, length and value of the nonce counter among the facts.
const COUNTER_ENTRY_LEN: usize = 6 + 8;

fn nonce(open_salt: u32, counter: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[..4].copy_from_slice(&open_salt.to_le_bytes());
    nonce[4..].copy_from_slice(&counter.to_le_bytes());
    nonce
}

/// What the tag authenticates beside the ciphertext: a sealed part opens only under the record it was made for.
///
/// kind, codec, cipher, commit_alg, open_salt, exchange_id, key_slot, raw_len, plain_commit.
fn bound(header: &Header) -> [u8; 72] {
    let mut out = [0; 72];
    out[..4].copy_from_slice(&[header.kind, header.codec, header.cipher, header.commit_alg]);
    out[4..8].copy_from_slice(&header.open_salt.to_le_bytes());
    out[8..24].copy_from_slice(&header.exchange_id.0);
    out[24..32].copy_from_slice(&header.key_slot.to_le_bytes());
    out[32..40].copy_from_slice(&header.raw_len.to_le_bytes());
    out[40..].copy_from_slice(&header.plain_commit);
    out
}

async fn digest_in_slices(bytes: &[u8]) -> [u8; 32] {
    let mut digest = Sm3::new();
    for slice in bytes.chunks(SLICE_BYTES) {
        digest.update(slice);
        tokio::task::yield_now().await;
    }
    digest.finalize().into()
}

fn length(len: usize) -> Result<u32, FrameError> {
    u32::try_from(len).map_err(|_| FrameError::TooLarge(len))
}

/// Why a draft did not become a frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Beyond the bound of a frame or of a sealed part.
    #[error("a record of {0} bytes is too large")]
    TooLarge(usize),
    /// There is no key to seal with.
    #[error("no key to seal with")]
    Key(#[from] KeyError),
    /// Compression failed.
    #[error("compression failed")]
    Pack(#[from] io::Error),
}

/// Why a sealed part does not open.
#[derive(Debug, thiserror::Error)]
pub enum SealedError {
    /// The record has none.
    #[error("nothing is sealed in this record")]
    NothingSealed,
    /// An algorithm or length that this version does not know.
    #[error("sealed by a later version")]
    LaterFormat,
    /// The stored bytes are not those that the header names.
    #[error("payload digest differs")]
    Digest,
    /// The clear part cannot be read.
    #[error("facts cannot be read")]
    Facts(#[from] CutTlv),
    /// The clear part does not say the nonce.
    #[error("facts name no nonce counter")]
    NoCounter,
    /// Its key was destroyed: it is gone for good, and the record is as whole as before.
    #[error("erased by policy, 已按规定清除 (key slot {0})")]
    Erased(u64),
    /// Its key is damaged or missing.
    #[error("no key to open it with: {0}")]
    Key(#[source] KeyError),
    /// Wrong key or changed bytes.
    #[error("authentication tag differs")]
    Tag,
    /// What was decrypted is not what was packed.
    #[error("sealed part cannot be unpacked")]
    Unpack(#[source] io::Error),
    /// The plain form is not the one that was committed to.
    #[error("commitment differs")]
    Commitment,
    /// The plain form cannot be read.
    #[error("sealed part cannot be read")]
    Form(#[from] MalformedForm),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::clock::HandClock;
    use crate::domain::exchange::{ExchangeId, Seq};
    use crate::domain::message::{Body, Request};
    use crate::domain::token::Token;
    use crate::journal::entropy::{Entropy, SeededEntropy};
    use crate::journal::pool_key::PoolKey;
    use crate::journal::private_file::private_dir;
    use crate::journal::record::{Kind, Stamp, read_frame, stamp};
    use crate::journal::sealed_form::tests::{a_sealed_part, shown};

    struct Desk {
        pool: Arc<KeyPool>,
        sealer: Sealer,
        _dir: tempfile::TempDir,
    }

    fn desk(cipher: Cipher) -> Desk {
        let dir = tempfile::tempdir().unwrap();
        let keys = dir.path().join("keys");
        private_dir(&keys).unwrap();
        let pool_key = PoolKey::for_tests(1);
        let tokens = Arc::new(Tokens::open(&keys, true, &pool_key, &SeededEntropy::new(1)).unwrap());
        let pool = Arc::new(KeyPool::open(&keys, 16, pool_key, Arc::new(SeededEntropy::new(2))).unwrap());
        let clock = Arc::new(HandClock::at(1_700_000_000_000_000_000));
        let sealer = Sealer::new(0xa1b2_c3d4, cipher, 1, Arc::clone(&pool), tokens, clock);
        Desk { pool, sealer, _dir: dir }
    }

    fn draft(sealed: Option<Sealed>) -> Draft {
        let mut draft = Draft::new(Kind::Intent);
        draft.header.exchange_id = ExchangeId([7; 16]);
        draft.header.key_token = Token([8; 16]);
        draft.facts.text(Fact::Infno, "2207");
        // Facts copied from another record bring its counter along; it must not be taken for this one's.
        draft.facts.number(Fact::NonceCounter, 99);
        draft.sealed = sealed;
        draft
    }

    fn with_body(body: Vec<u8>) -> Sealed {
        let (target, body) = (Bytes::from_static(b"/fsi/2207"), Body::Buffered(body.into()));
        let request = Request { method: "POST".to_owned(), target, http_minor: 1, headers: Vec::new(), body };
        Sealed { request: Some(request), ..Sealed::default() }
    }

    /// What the frame holds once the writer has stamped it.
    fn stored(frame: &Frame) -> (Header, Vec<u8>) {
        let mut bytes = frame.bytes.clone();
        stamp(&mut bytes, &Stamp { seq: Seq(3), durable_seq: Seq(2), segment_no: 1, prev_chain: [0; 32] });
        let (header, payload) = read_frame(&bytes).unwrap();
        (header, payload.to_vec())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn what_was_sealed_opens_and_every_flipped_byte_is_noticed(sealed in a_sealed_part(), sm4 in any::<bool>()) {
            let desk = desk(if sm4 { Cipher::Sm4Gcm } else { Cipher::Aes256Gcm });
            let frame = desk.sealer.frame_at_once(draft(Some(sealed.clone()))).unwrap();
            let (header, payload) = stored(&frame);
            let plain = desk.sealer.open(&header, &payload).unwrap();
            prop_assert_eq!(shown(&plain), shown(&sealed));
            for at in 0..payload.len() {
                let mut flipped = payload.clone();
                flipped[at] ^= 0x40;
                prop_assert!(matches!(desk.sealer.open(&header, &flipped), Err(SealedError::Digest)));
                // Even where somebody mends the digest, no ciphertext byte can be changed.
                if at >= header.facts_len as usize {
                    let mended = Header { payload_digest: payload_digest(&flipped), ..header.clone() };
                    prop_assert!(matches!(desk.sealer.open(&mended, &flipped), Err(SealedError::Tag)));
                }
            }
        }
    }

    #[test]
    fn a_part_opens_only_under_its_own_record() {
        let desk = desk(Cipher::Sm4Gcm);
        let frame = desk.sealer.frame_at_once(draft(Some(with_body(b"{}".to_vec())))).unwrap();
        let (header, payload) = stored(&frame);
        let opens = |header: &Header| desk.sealer.open(header, &payload).is_ok();
        assert!(opens(&header));
        assert!(opens(&Header { seq: Seq(9), segment_no: 4, ..header.clone() }), "the writer's fields are free");
        assert!(!opens(&Header { exchange_id: ExchangeId([1; 16]), ..header.clone() }));
        assert!(!opens(&Header { kind: Kind::Outcome as u8, ..header.clone() }));
        assert!(!opens(&Header { open_salt: 1, ..header.clone() }));
        assert!(!opens(&Header { plain_commit: [1; 32], ..header.clone() }));
        assert!(!opens(&Header { raw_len: header.raw_len + 1, ..header.clone() }));
        let other = desk.sealer.take_slot().unwrap();
        assert!(!opens(&Header { key_slot: other, ..header.clone() }));
        assert!(matches!(
            desk.sealer.open(&Header { cipher: 3, ..header.clone() }, &payload),
            Err(SealedError::LaterFormat)
        ));
    }

    #[tokio::test]
    async fn a_large_part_in_slices_is_the_same_record() {
        let desk = desk(Cipher::Sm4Gcm);
        let mut body = vec![0; 1024 * 1024];
        SeededEntropy::new(4).fill(&mut body).unwrap();
        body[..500_000].fill(b' ');
        for sealed in [with_body(body), with_body(vec![1; SLICE_BYTES - 2000]), Sealed::default()] {
            let frame = desk.sealer.frame(draft(Some(sealed.clone()))).await.unwrap();
            let (header, payload) = stored(&frame);
            assert_eq!(shown(&desk.sealer.open(&header, &payload).unwrap()), shown(&sealed));
        }
        let noise = |len| {
            let mut body = vec![0; len];
            SeededEntropy::new(4).fill(&mut body).unwrap();
            draft(Some(with_body(body)))
        };
        assert!(matches!(desk.sealer.frame(noise(2 * 1024 * 1024)).await, Err(FrameError::TooLarge(_))));
        assert!(matches!(desk.sealer.frame(noise(SEALED_BYTES_MAX)).await, Err(FrameError::TooLarge(_))));
    }

    #[test]
    fn slots_are_taken_once_and_nonces_never_repeat() {
        let desk = desk(Cipher::Aes256Gcm);
        let intent = desk.sealer.frame_at_once(draft(Some(Sealed::default()))).unwrap();
        let mut outcome = draft(Some(Sealed::default()));
        outcome.header.key_slot = intent.header.key_slot;
        let outcome = desk.sealer.frame_at_once(outcome).unwrap();
        let next = desk.sealer.frame_at_once(draft(Some(Sealed::default()))).unwrap();
        let slots = [&intent, &outcome, &next].map(|frame| frame.header.key_slot);
        assert_eq!(slots, [1, 1, 2]);
        let counters = [&intent, &outcome, &next].map(|frame| {
            let facts = &frame.bytes[HEADER_LEN..HEADER_LEN + frame.header.facts_len as usize];
            Facts::decode(facts).unwrap().number_of(Fact::NonceCounter)
        });
        assert_eq!(counters, [Some(0), Some(1), Some(2)]);
        assert_ne!(intent.header.plain_commit, outcome.header.plain_commit, "equal contents do not show");
    }

    #[test]
    fn a_record_without_a_sealed_part_needs_no_key() {
        let desk = desk(Cipher::Sm4Gcm);
        let frame = desk.sealer.frame_at_once(draft(None)).unwrap();
        let (header, payload) = stored(&frame);
        assert_eq!((header.flags, header.key_slot, header.cipher, header.raw_len), (0, 0, 0, 0));
        assert_eq!(header.plain_commit, [0; 32]);
        assert_eq!(Facts::decode(&payload).unwrap().text_of(Fact::Infno), Some("2207"));
        assert!(matches!(unseal(&*desk.pool, &header, &payload), Err(SealedError::NothingSealed)));
    }
}
