//! Tests with real sockets and real files, in one binary.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod callbacks; // The platform calls the hospital.
mod callbacks_tls; // TLS of the platform's door.
mod cases; // Cases open and close, as a person sees them.
mod commands; // What users meet on the command line.
mod help; // What the commands teach.

mod crash_damage; // Damage told from a torn tail.
mod crash_evidence; // The journal as it stands on disk.
mod crash_kill; // kill -9 under load.
mod crash_repeat; // A lost answer, repeated, also after a kill.
mod crash_rig; // The program started, killed and started again on the same data.
mod crash_room; // A disk without room.

mod crash_three; // kill -9 of all three sides.
mod demo; // A day by the command.
mod deploy; // Alert rules and dashboard.

mod dictionary; // Refusals by kind.
mod doors_bounds; // What the door refuses, whom it ends, how it stops.
mod doors_large; // Large, slow and cut bodies.
mod doors_once; // One send per call, whatever the connection does.
mod doors_pass; // What crosses unchanged.
mod doors_rig; // Raw peers on both sides, and a line that only relays.

mod gateway_bounds; // What the whole gateway refuses, and that it ends every wait.
mod gateway_bytes; // Ten thousand messages cross unchanged.
mod gateway_bytes_drawn; // Which messages those are.
mod gateway_once; // One send per exchange, counted by the platform.
mod gateway_unknown; // What is heard when the outcome is unknown, or nothing was sent.

mod evidence; // Packs and proofs, carried away.
mod failures; // The table of failures, row by row.
mod finisher; // What was left half done is ended.
mod finisher_sealed; // So it is where calls are sealed.
mod master_key; // What opens the journal's keys.
mod seal; // Checkpoints as a running gateway leaves them.

mod program_day; // A day through the program: its metrics, and nobody's data anywhere.
mod program_large; // Answers of 100 MB and the program's memory.
mod program_rig; // `medgate serve` as its own process.
mod program_stop; // SIGTERM.
mod program_views; // Views, API and the commands over them.

mod profiles; // A province's own hosts, a site's own profiles.
mod provinces; // Every province's wire, by a table.
mod provinces_his; // A HIS of each province.
mod provinces_refused; // What a province's platform refuses.

mod replay; // The journal decided again.
mod rules; // What calls are held to.
mod rules_packs; // A site's own packs.

mod backup; // Copies while calls run, and a gateway on one.
mod retention; // Archives, and a front that leaves.

mod reload; // Settings and profile read anew while calls run.
mod rig; // A whole gateway in this process.

mod his_sql; // The HIS's ledger out of a view in real databases.
mod ledgers; // Ledgers of gateway and HIS, laid beside each other.
mod statements; // The platform's own lists: what they prove.
mod visit_erased; // Keys destroyed, everything else whole.

mod money_fence; // What looks like a lost settlement is held back.
mod money_generations; // What frees a key.
mod money_his; // A cashier's envelopes.
mod money_laws; // Amounts that do not agree.
mod money_once; // One key is performed once.
mod money_rows; // The key table, row by row.
mod money_settled_before; // Old successes are asked for first.
mod money_silence; // What is not said is not known.

mod sql_rig; // PostgreSQL and MariaDB of their own for a test.

mod sandbox_conformance; // Every transaction against the specification, by a table.
mod sandbox_day; // Simulated HIS callers against the stand-in.
mod sandbox_faults; // What a client hears of each fault, and what the ledger holds.
mod sandbox_ledger; // The stand-in performs, over every URL style.
mod sandbox_whole; // The stand-in over more than one call.

mod signing_commands; // Keys, explained signatures, and what `check` asks for.
mod signing_forms; // Each form: what passes, what is signed.
mod signing_gcm; // Sealed members under SM4-GCM.
mod signing_openssl; // SM2, SM3, SM4 and key files against openssl.
mod signing_rig; // Identities on disk, and the openssl program.
mod signing_token; // The token that calls bear.
mod signing_verify; // Whose signatures are believed.

mod tls_his; // The HIS's door in TLS.
mod tls_platform; // TLS towards the platform.
mod tls_reload; // Certificates replaced while calls run.
mod tls_rig; // Certificates, and a client in TLS. // Whose signatures are believed.
