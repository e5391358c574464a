//! The platform behind every peer: as cheap as can be, answers a 2207 with a believable settlement, and counts.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A running platform.
pub struct Platform {
    /// Where it listens.
    pub at: SocketAddr,
    /// Where each tenth of its successes names no settlement: a case.
    pub hollow_at: SocketAddr,
    seen: Arc<AtomicU64>,
}

impl Platform {
    /// Starts on free ports; runs until the process ends.
    pub async fn start() -> io::Result<Platform> {
        let (whole, hollow) = (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
        let (at, hollow_at, seen) = (whole.local_addr()?, hollow.local_addr()?, Arc::<AtomicU64>::default());
        tokio::spawn(listen(whole, Arc::clone(&seen), true));
        tokio::spawn(listen(hollow, Arc::clone(&seen), false));
        Ok(Platform { at, hollow_at, seen })
    }

    /// Calls seen so far.
    pub fn seen(&self) -> u64 {
        self.seen.load(Ordering::SeqCst)
    }
}

async fn listen(listener: TcpListener, seen: Arc<AtomicU64>, whole: bool) {
    while let Ok((stream, _)) = listener.accept().await {
        // A peer closes its connections as it likes; the counts tell whether a call was lost.
        tokio::spawn(answer(stream, seen.clone(), whole));
    }
}

async fn answer(mut stream: TcpStream, seen: Arc<AtomicU64>, whole: bool) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut arrived = Vec::with_capacity(16 * 1024);
    loop {
        let Some((head_len, body_len)) = head(&arrived)? else {
            if stream.read_buf(&mut arrived).await? == 0 {
                return Ok(());
            }
            continue;
        };
        while arrived.len() < head_len + body_len {
            if stream.read_buf(&mut arrived).await? == 0 {
                return Ok(());
            }
        }
        let number = seen.fetch_add(1, Ordering::SeqCst);
        let reply = reply(number, msgid(&arrived[head_len..head_len + body_len]), whole || !number.is_multiple_of(10));
        stream.write_all(reply.as_bytes()).await?;
        arrived.drain(..head_len + body_len);
    }
}

/// Length of head and body, once the head is whole.
pub fn head(arrived: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let Some(end) = arrived.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = String::from_utf8_lossy(&arrived[..end]);
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    length.map(|length| Some((end + 4, length))).ok_or_else(|| io::Error::other(format!("no Content-Length: {head}")))
}

fn msgid(body: &[u8]) -> &str {
    const KEY: &[u8] = b"\"msgid\":\"";
    let at = body.windows(KEY.len()).position(|part| part == KEY).map_or(0, |at| at + KEY.len());
    body.get(at..at + 30).and_then(|msgid| std::str::from_utf8(msgid).ok()).unwrap_or("")
}

/// A success; one that is not whole names no settlement.
pub fn reply(number: u64, msgid: &str, whole: bool) -> String {
    let setl_id = if whole { format!("S{number:016}") } else { " ".repeat(17) };
    let body = format!(
        r#"{{"infcode":0,"inf_refmsgid":"430000202611211000{number:012}","refmsg_time":"20261121100000123","respond_time":"20261121100000456","err_msg":"","warn_info":null,"output":{{"setlinfo":{{"mdtrt_id":"MZ{number:016}","setl_id":"{setl_id}","psn_no":"43000000{number:016}","psn_name":"测试","psn_cert_type":"01","certno":"43{number:016}","gend":"1","naty":"01","brdy":"1980-01-01","age":46.8,"insutype":"310","psn_type":"11","cvlserv_flag":"0","setl_time":"2026-11-21 10:00:00","mdtrt_cert_type":"02","med_type":"11","medfee_sumamt":100.00,"fulamt_ownpay_amt":0,"overlmt_selfpay":0,"preselfpay_amt":0,"inscp_scp_amt":100.00,"act_pay_dedc":0,"hifp_pay":60.00,"pool_prop_selfpay":0.6,"cvlserv_pay":0,"hifes_pay":0,"hifmi_pay":0,"hifob_pay":0,"maf_pay":0,"oth_pay":0,"fund_pay_sumamt":60.00,"psn_part_amt":40.00,"acct_pay":30.00,"psn_cash_pay":10.00,"hosp_part_amt":0,"balc":512.30,"acct_mulaid_pay":0,"medins_setl_id":"{msgid}","clr_optins":"430100","clr_way":"1","clr_type":"11"}},"setldetail":[]}}}}"#
    );
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
