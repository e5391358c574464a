//! `medgate journal prove` and `medgate journal pack`: evidence to be carried away, checked by `medgate-verify pack`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::folder::Folder;
use super::gather::{Gathered, Wanted, gather};
use super::{Place, page};
use crate::cli::exchange::records::Books;
use crate::cli::exchange::show::id;
use crate::cli::exit::Exit;
use crate::domain::exchange::ExchangeId;
use crate::evidence::pack::Contents;
use crate::journal::BODIES;
use crate::journal::composite::StoredBody;
use crate::journal::facts::Fact;
use crate::journal::record::flag;

/// Words for whoever gets a pack.
const INSTRUCTIONS: &str = "\
本文件包由 medgate 医保网关导出，可用 medgate-verify 离线校验，不需要医院配合，不需要联网：
    medgate-verify pack 本文件.zip --key seal.pub
seal.pub 是该网关的签名公钥，应取自您自己留存的那一份（网关安装时登记），不要取自本文件包。
records/ 是账本记录的原始字节；proofs.json 与 checkpoint.txt 证明它们在签名的账本里；
plain/ 是记录的明文，由记录内的承诺值证明；bodies/ 是大报文的原始密文；其他页面供阅读，仅由打包签名担保。

This pack was made by a medgate gateway. Check it offline with medgate-verify:
    medgate-verify pack THIS-FILE.zip --key seal.pub
Take seal.pub, the gateway's public key, from your own files and not from this pack.
records/ holds records as they are stored; proofs.json and checkpoint.txt prove that they stand in the signed journal;
plain/ holds what they say, proven by the commitment in each record; bodies/ holds large bodies as they are stored; the
pages are for reading, and nothing but the seal of the pack speaks for them.
";

/// Prove that the records of an exchange stand in the journal. 出具记录证明
///
/// The pack holds records as they are stored, their way up to a signed checkpoint, and nothing in clear: it can be
/// given away. `medgate-verify pack` checks it anywhere.
///
/// Exit code 0: the pack is written; 1: none was made, and why.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLE:\n  medgate journal prove 019a2f6e-7d1c-7c3a-9b1e-2f3a4b5c6d7e --out proof.zip")]
pub(in crate::cli) struct ProveArgs {
    /// Id of the exchange, from `medgate exchange find`.
    #[arg(value_name = "ID", value_parser = id)]
    id: ExchangeId,
    /// The new file.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    place: Place,
}

/// Pack a visit or a settlement as evidence, in clear. 打包就诊或结算的证据
///
/// Stored records with proofs, and in clear what they say. It holds personal data: each look is journaled first, with
/// the reason, and only the file's owner may read it.
///
/// Exit code 0: the pack is written; 1: none was made, and why.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  \
    medgate journal pack --visit 4401062026010100001 --reason \"dispute 12\" --out visit.zip\n  \
    medgate journal pack --setl 4401062026010100009 --reason \"audit of May\" --out settlement.zip")]
pub(in crate::cli) struct PackArgs {
    /// The visit. 就诊ID
    #[arg(long, value_name = "MDTRT_ID", required_unless_present = "setl", conflicts_with = "setl")]
    visit: Option<String>,
    /// The settlement. 结算ID
    #[arg(long, value_name = "SETL_ID")]
    setl: Option<String>,
    /// Why; it is journaled. 原因
    #[arg(long, value_name = "TEXT", value_parser = super::erase::reason)]
    reason: String,
    /// The new file.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    place: Place,
}

pub(super) fn prove(args: ProveArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let folder = match args.place.open(err)? {
        Ok(folder) => folder.with(args.place.master()),
        Err(exit) => return Ok(exit),
    };
    let gathered = gather(&folder, &Wanted::Exchange(args.id));
    let made = gathered.and_then(|gathered| {
        let contents = stored(&folder, &gathered)?;
        written(&folder, contents, &args.out).map(|()| gathered)
    });
    said(made, &args.out, out, err)
}

pub(super) fn pack(args: PackArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let folder = match args.place.open(err)? {
        Ok(folder) => folder.with(args.place.master()),
        Err(exit) => return Ok(exit),
    };
    let (wanted, what) = match (&args.visit, &args.setl) {
        (Some(visit), _) => (Wanted::Named(Fact::MdtrtId, visit), format!("就诊 visit {visit}")),
        (None, setl) => {
            let setl = setl.as_deref().unwrap_or_default();
            (Wanted::Named(Fact::SetlId, setl), format!("结算 settlement {setl}"))
        }
    };
    writeln!(err, "gathering {what} …")?;
    let gathered = match gather(&folder, &wanted) {
        Ok(gathered) => gathered,
        Err(why) => return said(Err(why), &args.out, out, err),
    };
    let why = format!("packed as evidence: {}", args.reason);
    let exchanges: Vec<_> = gathered.exchanges.iter().copied().collect();
    if let Err(exit) = args.place.announce(&exchanges, &why, err)? {
        return Ok(exit);
    }
    let made = clear(&folder, &gathered, &what, &args.place)
        .and_then(|contents| written(&folder, contents, &args.out))
        .map(|()| gathered);
    said(made, &args.out, out, err)
}

/// Records as they are stored, with proofs.
fn stored(folder: &Folder, gathered: &Gathered) -> Result<Contents, String> {
    let mut contents = Contents::new(&gathered.checkpoint, &gathered.proofs).map_err(|error| error.to_string())?;
    contents.page("README.txt", INSTRUCTIONS.to_owned());
    for record in &gathered.records {
        contents.record(record.header.seq.0, record.frame());
        for body in StoredBody::all(&record.facts) {
            let path = folder.data().join(BODIES).join(&body.name);
            let stored = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            contents.body(&body.name, stored);
        }
    }
    Ok(contents)
}

/// The same, and what the records say.
fn clear(folder: &Folder, gathered: &Gathered, what: &str, place: &Place) -> Result<Contents, String> {
    let mut contents = stored(folder, gathered)?;
    for record in gathered.records.iter().filter(|record| record.header.has(flag::SEALED)) {
        // What was erased by policy stays proven, and says nothing any more; its page tells so.
        if let Ok(plain) = folder.plain(record) {
            contents.plain(record.header.seq.0, plain.to_vec());
        }
    }
    let books = Books::at(folder.data(), place.master())?;
    let shown = gathered.exchanges.iter().map(|exchange| books.shown(*exchange, true));
    let shown = shown.collect::<Result<Vec<_>, _>>()?;
    contents.page("pages/index.html", page::index(what, &shown));
    for one in &shown {
        contents.page(&format!("pages/{}.html", one.id), page::exchange(one));
    }
    Ok(contents)
}

fn written(folder: &Folder, contents: Contents, out: &Path) -> Result<(), String> {
    contents.write(out, &folder.seal_key()?).map_err(|error| format!("{}: {error}", out.display()))
}

fn said(made: Result<Gathered, String>, path: &Path, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    match made {
        Ok(gathered) => {
            let (exchanges, records) = (gathered.exchanges.len(), gathered.records.len());
            writeln!(out, "{}: {exchanges} exchanges, {records} records. 证据包已生成", path.display())?;
            writeln!(out, "check it: medgate-verify pack {} --key seal.pub", path.display())?;
            Ok(Exit::Done)
        }
        Err(why) => writeln!(err, "no pack was made: {why}").map(|()| Exit::Failed),
    }
}
