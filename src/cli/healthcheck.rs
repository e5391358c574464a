//! `medgate healthcheck`: asks /readyz of a running gateway.

use std::io::{self, Write};
use std::time::Duration;

use crate::config;

use super::admin_port::Call;
use super::exit::Exit;
use super::told::{FileArg, complain};

/// Ask a running gateway whether it is ready; for service managers and containers. 健康检查
///
/// Prints what /readyz?verbose says.
///
/// Exit code 0: ready; 1: not ready or not reachable.
#[derive(clap::Args)]
#[command(
    after_help = "EXAMPLES:\n  medgate healthcheck\n  medgate healthcheck --admin 127.0.0.1:9180 --timeout-ms 1000"
)]
pub(super) struct Args {
    #[command(flatten)]
    file: FileArg,
    /// The admin port; by default the one of the settings.
    #[arg(long, value_name = "HOST:PORT")]
    admin: Option<String>,
    /// How long to wait for the connection and for the answer.
    #[arg(long, value_name = "MS", default_value_t = 3000, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    timeout_ms: u64,
}

pub(super) fn run(args: Args, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let flags = args.admin.map(|admin| ("--admin", "admin.listen", admin)).into_iter().collect();
    let listen = match config::look(&args.file.told(flags), "admin.listen") {
        Ok(listen) => listen,
        Err(complaints) => return complain(&complaints, err),
    };
    match ask(&listen, Duration::from_millis(args.timeout_ms)) {
        Ok((200, body)) => write!(out, "{body}").map(|()| Exit::Done),
        Ok((_, body)) => write!(out, "{body}").map(|()| Exit::Failed),
        Err(error) => writeln!(err, "the gateway does not answer at {listen}: {error}").map(|()| Exit::Failed),
    }
}

/// Status and body of /readyz?verbose.
fn ask(listen: &str, patience: Duration) -> io::Result<(u16, String)> {
    Call { listen, method: "GET", target: "/readyz?verbose", token: None, body: "", patience }.ask()
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use super::*;

    /// One connection is answered with `answer`; returns what `ask` makes of it.
    fn asked(answer: &'static str) -> io::Result<(u16, String)> {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let listen = listener.local_addr().unwrap().to_string();
        let door = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 1024];
            let len = stream.read(&mut head).unwrap();
            assert!(head[..len].starts_with(b"GET /readyz?verbose HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let said = ask(&listen, Duration::from_secs(5));
        door.join().unwrap();
        said
    }

    #[test]
    fn ready_and_not_ready_are_told_apart() {
        assert_eq!(asked("HTTP/1.1 200 OK\r\n\r\nready\n").unwrap(), (200, "ready\n".to_owned()));
        let (status, body) =
            asked("HTTP/1.1 503 Service Unavailable\r\n\r\n[-] journal: no room\nnot ready\n").unwrap();
        assert_eq!((status, body.as_str()), (503, "[-] journal: no room\nnot ready\n"));
        assert_eq!(asked("hello").unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert!(ask("127.0.0.1:1", Duration::from_secs(1)).is_err());
    }
}
