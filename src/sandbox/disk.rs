//! A disk in memory that breaks as real ones do: for simulation, repeatable by its seed.
//!
//! At a power cut unsynced data, length and directory entries vanish independently, sector by sector. A sync may fail
//! once and lie about that file afterwards. The disk may be full from some write on.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::journal::disk::{Disk, DiskFile};

use super::draw::Draw;

const SECTOR_BYTES: usize = 512;

/// What goes wrong, counted over all operations of the disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// The power goes at this operation: it and all later ones fail.
    pub power_cut_at: Option<u64>,
    /// From this write or create on, counted over both, no byte more is allocated.
    pub full_from: Option<u64>,
    /// This sync of a file, counted over syncs of files, fails; that file's syncs lie from then on.
    pub sync_fails_at: Option<u64>,
    /// On a full disk also overwriting fails, as on one that copies on write.
    pub copies_on_write: bool,
    /// Every sync lies from the start: nothing is ever durable.
    pub every_sync_lies: bool,
    /// Percent of writes that are short.
    pub short_writes: u32,
}

/// The disk; clones are the same one.
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

/// An open file of a [`SimDisk`].
#[derive(Clone)]
pub struct SimFile {
    state: Arc<Mutex<State>>,
    inode: usize,
    opening: u64,
}

struct State {
    dice: Draw,
    faults: Faults,
    operations: u64,
    writes: u64,
    syncs: u64,
    opening: u64,
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    name_changes: Vec<NameChange>,
}

#[derive(Default)]
struct Inode {
    now: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
    lies: bool,
}

enum Change {
    Sector { at: usize, bytes: Vec<u8> },
    Len(usize),
}

/// Entries of one folder that one operation changes together.
struct NameChange {
    operation: u64,
    folder: String,
    entries: Vec<(String, Option<usize>)>,
}

impl SimDisk {
    /// An empty disk that misbehaves as told.
    pub fn new(seed: u64, faults: Faults) -> SimDisk {
        let state = State {
            dice: Draw::from_seed(seed),
            faults,
            operations: 0,
            writes: 0,
            syncs: 0,
            opening: 0,
            inodes: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            name_changes: Vec::new(),
        };
        SimDisk { state: Arc::new(Mutex::new(state)) }
    }

    /// Operations so far: where a fault may be put.
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// Writes and creates so far.
    pub fn writes(&self) -> u64 {
        self.lock().writes
    }

    /// Syncs of files so far.
    pub fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// Changes what goes wrong from now on.
    pub fn misbehave(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// Cuts the power and brings it back: what was not synced survives in any subset. Open files die.
    pub fn power_cycle(&self, faults: Faults) {
        let mut state = self.lock();
        state.lose_unsynced();
        state.faults = faults;
        state.opening += 1;
    }

    /// Kills the process and lets the disk live: what was not synced is still seen, and may vanish at a later power cut.
    pub fn kill(&self, faults: Faults) {
        let mut state = self.lock();
        state.faults = faults;
        state.opening += 1;
    }

    /// True once an operation found the power gone; until it is brought back.
    pub fn is_off(&self) -> bool {
        let state = self.lock();
        state.faults.power_cut_at.is_some_and(|at| state.operations >= at)
    }

    /// Flips one bit of a file where it is durable.
    pub fn flip(&self, name: &str, byte: usize, bit: u8) {
        let mut state = self.lock();
        let inode = state.names[name];
        state.inodes[inode].now[byte] ^= 1 << bit;
        state.inodes[inode].durable[byte] ^= 1 << bit;
    }

    /// All files with their bytes, by name.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.lock();
        state.names.iter().map(|(name, inode)| (name.clone(), state.inodes[*inode].now.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn operate(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.lock();
        state.operation()?;
        Ok(state)
    }

    fn file(&self, state: &State, inode: usize) -> SimFile {
        SimFile { state: self.state.clone(), inode, opening: state.opening }
    }
}

impl State {
    fn operation(&mut self) -> io::Result<()> {
        self.operations += 1;
        let off = self.faults.power_cut_at.is_some_and(|at| self.operations >= at);
        if off { Err(io::Error::other("the power is off")) } else { Ok(()) }
    }

    /// Counts a write or create; true when there is no room for it.
    fn write_finds_disk_full(&mut self) -> bool {
        self.writes += 1;
        self.faults.full_from.is_some_and(|from| self.writes >= from)
    }

    fn inode(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| ErrorKind::NotFound.into())
    }

    /// Names of one folder change together; a rename into another folder is two changes that may part at a power cut.
    fn change_names(&mut self, entries: Vec<(String, Option<usize>)>) {
        let State { names, name_changes, .. } = self;
        for (name, inode) in entries {
            set(names, &name, inode);
            let folder = folder_of(&name);
            match name_changes.last_mut() {
                Some(last) if last.operation == self.operations && last.folder == folder => {
                    last.entries.push((name, inode));
                }
                _ => name_changes.push(NameChange {
                    operation: self.operations,
                    folder: folder.to_owned(),
                    entries: vec![(name, inode)],
                }),
            }
        }
    }

    fn lose_unsynced(&mut self) {
        let State { dice, inodes, name_changes, durable_names, .. } = self;
        for change in name_changes.drain(..) {
            if dice.chance(50) {
                change.entries.iter().for_each(|(name, inode)| set(durable_names, name, *inode));
            }
        }
        for inode in inodes.iter_mut() {
            // Some cuts lose nothing or everything, most lose something.
            let survive = [0, 30, 70, 97, 100][dice.below(5) as usize];
            for change in std::mem::take(&mut inode.pending) {
                if dice.chance(survive) {
                    apply(&mut inode.durable, &change);
                }
            }
            inode.now = inode.durable.clone();
            inode.lies = false;
        }
        self.names = self.durable_names.clone();
    }
}

fn set(names: &mut BTreeMap<String, usize>, name: &str, inode: Option<usize>) {
    match inode {
        Some(inode) => names.insert(name.to_owned(), inode),
        None => names.remove(name),
    };
}

fn folder_of(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Len(len) => bytes.resize(*len, 0),
        Change::Sector { at, bytes: sector } => {
            // Data whose length did not become durable stays invisible.
            let end = bytes.len().min(at + sector.len());
            if *at < end {
                bytes[*at..end].copy_from_slice(&sector[..end - at]);
            }
        }
    }
}

impl Disk for SimDisk {
    type File = SimFile;

    fn create(&self, name: &str) -> io::Result<SimFile> {
        let mut state = self.operate()?;
        if state.names.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        if state.write_finds_disk_full() {
            return Err(ErrorKind::StorageFull.into());
        }
        let inode = state.inodes.len();
        state.inodes.push(Inode::default());
        state.change_names(vec![(name.to_owned(), Some(inode))]);
        Ok(self.file(&state, inode))
    }

    fn open(&self, name: &str) -> io::Result<SimFile> {
        let state = self.operate()?;
        let inode = state.inode(name)?;
        Ok(self.file(&state, inode))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.operate()?;
        let inode = state.inode(from)?;
        state.change_names(vec![(from.to_owned(), None), (to.to_owned(), Some(inode))]);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.operate()?;
        state.inode(name)?;
        state.change_names(vec![(name.to_owned(), None)]);
        Ok(())
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let state = self.operate()?;
        let inside = state.names.keys().filter(|name| folder_of(name) == folder);
        Ok(inside.map(|name| name[folder.len() + 1..].to_owned()).collect())
    }

    fn make_folder(&self, _folder: &str) -> io::Result<()> {
        self.operate().map(|_| ())
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        let mut state = self.operate()?;
        if state.faults.every_sync_lies {
            return Ok(());
        }
        let (synced, rest) = std::mem::take(&mut state.name_changes).into_iter().partition(|c| c.folder == folder);
        state.name_changes = rest;
        let synced: Vec<NameChange> = synced;
        for (name, inode) in synced.into_iter().flat_map(|change| change.entries) {
            set(&mut state.durable_names, &name, inode);
        }
        Ok(())
    }
}

impl SimFile {
    fn operate(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.operation()?;
        if state.opening == self.opening {
            Ok(state)
        } else {
            Err(io::Error::other("opened by a process that is dead"))
        }
    }
}

impl DiskFile for SimFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut state = self.operate()?;
        let short_writes = state.faults.short_writes;
        let short = bytes.len() > 1 && short_writes > 0 && state.dice.chance(short_writes);
        let len = if short { 1 + state.dice.below(bytes.len() as u64 - 1) as usize } else { bytes.len() };
        let at = offset as usize;
        let end = at + len;
        let grows = end > state.inodes[self.inode].now.len();
        if state.write_finds_disk_full() && (grows || state.faults.copies_on_write) {
            return Err(ErrorKind::StorageFull.into());
        }
        let inode = &mut state.inodes[self.inode];
        if grows {
            inode.now.resize(end, 0);
            inode.pending.push(Change::Len(end));
        }
        inode.now[at..end].copy_from_slice(&bytes[..len]);
        let mut from = at;
        while from < end {
            let to = end.min((from / SECTOR_BYTES + 1) * SECTOR_BYTES);
            inode.pending.push(Change::Sector { at: from, bytes: bytes[from - at..to - at].to_vec() });
            from = to;
        }
        Ok(len)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.operate()?;
        let bytes = state.inodes[self.inode].now.get(offset as usize..).unwrap_or_default();
        let len = into.len().min(bytes.len());
        into[..len].copy_from_slice(&bytes[..len]);
        Ok(len)
    }

    fn cut(&self, len: u64) -> io::Result<()> {
        let mut state = self.operate()?;
        let inode = &mut state.inodes[self.inode];
        inode.now.resize(len as usize, 0);
        inode.pending.push(Change::Len(len as usize));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.operate()?;
        state.syncs += 1;
        let fails = state.faults.sync_fails_at == Some(state.syncs);
        let lies = state.faults.every_sync_lies;
        let inode = &mut state.inodes[self.inode];
        if fails {
            inode.lies = true;
            return Err(io::Error::other("the disk reported an error at sync"));
        }
        if !inode.lies && !lies {
            inode.pending.clear();
            inode.durable = inode.now.clone();
        }
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        let state = self.operate()?;
        Ok(state.inodes[self.inode].now.len() as u64)
    }
}
