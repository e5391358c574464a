//! Every metric of the gateway: name with its unit, help, labels. There is no metric outside this list.
//!
//! Labels take few values: transaction numbers that the profile does not know count as `other`, and no label ever holds
//! anything of a person, a message or an address.

/// One metric.
#[derive(Debug)]
pub struct Name {
    /// Name by the Prometheus rules: unit last, `_total` on counters.
    pub name: &'static str,
    /// One sentence.
    pub help: &'static str,
    /// Label names.
    pub labels: &'static [&'static str],
}

macro_rules! names {
    ($($constant:ident = $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(#[doc = $help] pub const $constant: Name = Name { name: $name, help: $help, labels: &[$($label),*] };)*
        /// All of them.
        pub const ALL: &[&Name] = &[$(&$constant),*];
    };
}

names! {
    BUILD_INFO = "medgate_build_info" ["version", "profile"]
        "Always 1; the labels say what runs.";
    EXCHANGES = "medgate_exchanges_total" ["infno", "class", "outcome"]
        "Exchanges that came to an end, by transaction number, class and outcome.";
    EXCHANGE_DURATION = "medgate_exchange_duration_seconds" ["class"]
        "From the first byte of the request to the answer being ready.";
    EXCHANGES_IN_FLIGHT = "medgate_exchanges_in_flight" []
        "Exchanges under way.";
    EXCHANGES_WAITING = "medgate_exchanges_waiting" []
        "Exchanges that wait for their turn.";
    REQUEST_BYTES = "medgate_request_bytes_total" []
        "Bytes of request bodies that arrived.";
    ANSWER_BYTES = "medgate_answer_bytes_total" []
        "Bytes of answers that were handed to the HIS, heads included.";
    REFUSALS = "medgate_refusals_total" ["cause"]
        "Requests that the gateway itself refused; nothing was sent.";
    REPLAYS = "medgate_replays_total" []
        "Repeats that were answered from the journal without a send.";
    DELIVERED = "medgate_delivered_total" ["told"]
        "Answers by what the HIS was told.";
    LATE_ANSWERS = "medgate_late_answers_total" []
        "Replies that came after the HIS had been answered.";
    UNKNOWN_OPEN = "medgate_unknown_open" []
        "Exchanges whose outcome is unknown and not resolved.";
    UNKNOWN_OLDEST_AGE = "medgate_unknown_oldest_age_seconds" []
        "Age of the oldest exchange whose outcome is unknown; 0 when there is none.";
    PLATFORM_DURATION = "medgate_platform_duration_seconds" ["upstream"]
        "From the first byte sent to the platform to its complete reply, or to giving up on one.";
    PLATFORM_SILENCES = "medgate_platform_silences_total" ["upstream", "cause"]
        "Sends that were not answered completely.";
    CONNECTIONS_OPENED = "medgate_platform_connections_opened_total" ["upstream"]
        "Connections opened to the platform.";
    CONNECTIONS_REPLACED = "medgate_platform_connections_replaced_total" ["upstream"]
        "Pooled connections that handed a message back unsent, so that a fresh connection took it.";
    PLATFORM_CONNECTIONS = "medgate_platform_connections" ["upstream"]
        "Connections to the platform that carry a call.";
    INBOUND_CONNECTIONS = "medgate_inbound_connections" []
        "Open connections of HIS clients.";
    UNREADABLE_REQUESTS = "medgate_unreadable_requests_total" ["reason"]
        "Requests that the HTTP parser answered itself with 400 or 431 or that broke off, and connections that came to no TLS.";
    JOURNAL_APPEND_DURATION = "medgate_journal_append_duration_seconds" []
        "From handing an intent to the journal to its being durable.";
    JOURNAL_SYNC_DURATION = "medgate_journal_sync_duration_seconds" []
        "One write and sync of a batch.";
    JOURNAL_RECORDS = "medgate_journal_records_total" []
        "Records made durable.";
    JOURNAL_BYTES = "medgate_journal_bytes_total" []
        "Bytes of records made durable.";
    JOURNAL_FAILURES = "medgate_journal_failures_total" []
        "Writes and syncs that failed.";
    JOURNAL_WAITING = "medgate_journal_waiting" []
        "Outcomes that wait for the journal to open again.";
    JOURNAL_DROPPED = "medgate_journal_dropped_total" []
        "Records that nobody waits for and that found no room in the queue.";
    JOURNAL_HEALTH = "medgate_journal_health" ["state"]
        "1 for the state that the journal is in: open, no_room or failed.";
    JOURNAL_DURABLE_SEQ = "medgate_journal_durable_seq" []
        "Number of the last durable record.";
    JOURNAL_ROOM_BYTES = "medgate_journal_room_bytes" []
        "Room that intents can still reserve.";
    JOURNAL_DISK_FREE = "medgate_journal_disk_free_bytes" []
        "Bytes that are free on the disk of the journal.";
    JOURNAL_GROWTH = "medgate_journal_growth_bytes_per_day" []
        "Bytes that segments and bodies took per day, over the last seven days.";
    JOURNAL_DISK_LEFT = "medgate_journal_disk_left_seconds" []
        "Time until the disk of the journal is full at that growth; a hundred years for longer.";
    JOURNAL_DISK_LOW = "medgate_journal_disk_low" []
        "1 when less is free, or for fewer days, than the settings ask for.";
    SEALED_AT = "medgate_seal_timestamp_seconds" []
        "When the last checkpoint over the journal was signed, seconds since 1970.";
    SEAL_FAILURES = "medgate_seal_failures_total" []
        "Checkpoints that could not be made or kept.";
    ANCHORED_AT = "medgate_anchor_timestamp_seconds" []
        "When a checkpoint was last copied to every anchor, seconds since 1970; 0 for never.";
    ANCHOR_FAILURES = "medgate_anchor_failures_total" []
        "Checkpoints that an anchor did not take.";
    SET_BACK = "medgate_journal_set_back_records" []
        "Records that an anchor knew at the start and the journal did not hold: the disk was set back.";
    VERIFIED_AT = "medgate_verify_timestamp_seconds" []
        "When the gateway last verified its whole journal, seconds since 1970; 0 for never.";
    VERIFY_DAMAGED = "medgate_verify_damaged" []
        "1 when the last verification found damage.";
    VIEWS_STATE = "medgate_views_state" ["state"]
        "1 for what the views are doing: following, rebuilding, failing or stopped.";
    VIEWS_POSITION = "medgate_views_position_seq" []
        "Number of the last journal record that the views have taken up.";
    VIEWS_LAG = "medgate_views_lag_records" []
        "Durable journal records that the views have not taken up yet.";
    VIEWS_RECORDS = "medgate_views_records_total" []
        "Journal records that the views have taken up.";
    VIEWS_BUSY = "medgate_views_busy_seconds_total" []
        "Time that the views have spent on taking up records, without rests.";
    VIEWS_CAPACITY = "medgate_views_capacity_records_per_second" []
        "Records per second that the views take up when they do not rest.";
    VIEWS_FAILURES = "medgate_views_failures_total" []
        "Times that the views failed and tried again; calls go on.";
    VIEWS_REBUILDS = "medgate_views_rebuilds_total" []
        "Times that the views were built anew from the journal.";
    RULE_FINDINGS = "medgate_rule_findings_total" ["infno", "mode"]
        "Broken rules in calls of the HIS: observe (only counted), warn, enforce (the call was refused).";
    RULES_UNREAD = "medgate_rules_unread_total" []
        "Calls of the HIS whose body was no JSON that rules could read, or stood on disk; they are not held to rules.";
    CASES_OPEN = "medgate_cases_open" ["cause"]
        "Open cases: exchanges of which platform and HIS may not hold the same.";
    CASES_AT_STAKE = "medgate_cases_at_stake_yuan" ["cause"]
        "What open cases are about, in yuan (medfee_sumamt).";
    CASES_OLDEST = "medgate_cases_oldest_timestamp_seconds" ["cause"]
        "When the oldest open case was opened, seconds since 1970; 0 when there is none.";
    RECONCILE_DIFFERENCES = "medgate_reconcile_differences" ["class"]
        "Differences of the ledgers in the last 31 days that nothing explains.";
    RECONCILE_DAYS = "medgate_reconcile_state" ["state"]
        "Of the last 31 days, those that are balanced, not_balanced, or lack the ledger of the HIS (no_his_ledger).";
    HIS_VIEW = "medgate_his_view_reads_total" ["result"]
        "Readings of the HIS's view: taken, same (nothing new), empty, wrong (rows that cannot be taken), or failed.";
    CASES_LAG = "medgate_cases_lag_records" []
        "Durable journal records that the book of cases has not taken up yet.";
    CASES_CLOSED = "medgate_cases_closed" ["cause"]
        "Closed cases that the book holds.";
    CASES_RESOLVED = "medgate_cases_resolve_seconds" ["cause"]
        "Seconds from the opening to the closing of the closed cases, together.";
    CASES_SELF_PAID = "medgate_cases_self_paid" []
        "Open cases whose person paid in cash meanwhile, by what the HIS uploaded.";
    FENCE_HOLDS = "medgate_fence_holds_total" []
        "Settlements that were held back because a similar one of the person is not known to the HIS (GW306).";
    FINISHER = "medgate_finisher_steps_total" ["step"]
        "What the finisher did about open cases: asked, proposed, sent what takes a settlement back, or failed.";
    CERTIFICATE_ENDS = "medgate_certificate_not_after_timestamp_seconds" ["setting", "user"]
        "When the first certificate of a file ends, seconds since 1970, by the setting that names the file and the part that uses it.";
    CERTIFICATES_TAKEN = "medgate_certificates_taken_total" ["user", "result"]
        "Files of certificates that were read anew, and taken or refused; after a refusal those before stay in use.";
    RELOADS = "medgate_reloads_total" ["result"]
        "Times that settings and profile were read anew: taken, same, or refused; after a refusal those before stay in force.";
    INFLIGHT_BODY_BYTES = "medgate_inflight_body_bytes" []
        "Bytes of bodies held in memory.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_naming_rules() {
        for name in ALL {
            let plain = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            assert!(name.name.starts_with("medgate_") && plain(name.name), "{name:?}");
            assert!(name.labels.iter().all(|label| plain(label)), "{name:?}");
            assert!(name.help.ends_with('.') && name.help.len() > 10, "{name:?}");
            for unit in ["_ms", "_millis", "_kb", "_count", "_sum", "_bucket", "_info_total"] {
                assert!(!name.name.ends_with(unit), "{name:?}");
            }
        }
        let distinct: std::collections::BTreeSet<_> = ALL.iter().map(|name| name.name).collect();
        assert_eq!(distinct.len(), ALL.len());
    }
}
